import { computed, defineComponent, h, onBeforeUnmount, nextTick, onMounted, ref, shallowRef, type VNode } from 'vue';
import { copyText } from '../copyText.js';
import { copiedTest } from './copiedTest.js';
import { linkMarker } from './linkMarker.js';
import type { draw, Drawing } from './drawing.js';
import { MAX_LENGTH, MAX_NUMBER, queryOf, readQuery, type Input, type OptionValue, type Pipeline } from './playground.js';

type Valid = Extract<Drawing, { readonly svg: string }>;

interface Loaded {
  readonly pipeline: Pipeline;
  readonly text: string;
  readonly draw: typeof draw;
}

/** The diagram of an operator, drawn again at each change of its marbles and options. */
export const MarblePlayground = defineComponent({
  props: { name: { type: String, required: true } },
  setup({ name }) {
    const root = ref<HTMLElement>();
    const loaded = shallowRef<Loaded>();
    const input = shallowRef<Input>({ lines: {}, options: {} });
    const status = ref('');
    const marker = linkMarker(name);

    const drawing = computed<Drawing | undefined>(() => loaded.value?.draw(name, loaded.value.pipeline, input.value));
    /** The diagram of the latest input without a mistake. */
    const valid = computed<Valid | undefined>((before) => (drawing.value && 'svg' in drawing.value ? drawing.value : before));
    /** Shows what the reader shares who has made the link. */
    const followLink = (): void => {
      if (!loaded.value || !location.hash.startsWith(marker)) return;
      input.value = readQuery(location.hash.slice(marker.length), loaded.value.pipeline);
      void nextTick(() => root.value?.scrollIntoView({ block: 'start' }));
    };
    const copy = async (text: string, done: string): Promise<void> => {
      status.value = await copyText(text, done);
    };
    const shareLink = (): Promise<void> => {
      const query = loaded.value ? queryOf(input.value, loaded.value.pipeline) : '';
      history.replaceState(history.state, '', marker + query);
      return copy(location.href, 'The link is copied.');
    };
    const copyTest = async (): Promise<void> => {
      const now = drawing.value;
      if (!loaded.value || !now || 'fault' in now) status.value = 'There is no diagram to copy.';
      else if (now.marbles.fault !== undefined) status.value = now.marbles.fault;
      else await copy(copiedTest(name, loaded.value.text, input.value, now.marbles), 'The test is copied. Paste it into a file of jest.');
    };
    const setLine = (line: string, marbles: string): void => {
      status.value = '';
      input.value = { ...input.value, lines: { ...input.value.lines, [line]: marbles } };
    };
    const setOption = (option: string, value: OptionValue): void => {
      status.value = '';
      input.value = { ...input.value, options: { ...input.value.options, [option]: value } };
    };
    const reset = (): void => {
      if (loaded.value) input.value = { lines: loaded.value.pipeline.lines, options: loaded.value.pipeline.options };
      status.value = 'The diagram is as it was at first.';
    };

    onMounted(async () => {
      addEventListener('hashchange', followLink);
      const [{ loadPipeline }, drawings] = await Promise.all([import('./pipelines.js'), import('./drawing.js')]);
      const { pipeline, text } = await loadPipeline(name);
      input.value = pipeline;
      loaded.value = { pipeline, text, draw: drawings.draw };
      followLink();
    });
    onBeforeUnmount(() => removeEventListener('hashchange', followLink));

    return () => {
      const { lines, options } = input.value;
      const button = (text: string, onClick: () => unknown): VNode => h('button', { type: 'button', onClick }, text);
      return h('section', { ref: root, class: 'playground', 'aria-label': `Playground of ${name}` }, [
        h('p', { class: 'playground-title' }, 'Change the marbles or the options: the diagram shows what happens.'),
        h('div', { class: 'playground-fields' }, [
          ...Object.entries(lines).map(([line, marbles]) => lineField(name, line, marbles, (text) => setLine(line, text))),
          ...Object.entries(options).map(([option, value]) =>
            optionField(name, option, value, loaded.value?.pipeline.choices?.[option], (next) => setOption(option, next)),
          ),
        ]),
        drawing.value && 'fault' in drawing.value && h('p', { class: 'playground-fault', role: 'status' }, drawing.value.fault),
        valid.value && picture(name, valid.value, drawing.value !== valid.value),
        loaded.value &&
          h('div', { class: 'playground-buttons' }, [
            button('Copy as a test', copyTest),
            button('Copy link', shareLink),
            button('Reset', reset),
            h('span', { role: 'status' }, status.value),
          ]),
      ]);
    };
  },
});

function lineField(name: string, line: string, marbles: string, onChange: (marbles: string) => void): VNode {
  const id = `${name}-line-${line}`;
  const onInput = ({ target }: Event): void => onChange((target as HTMLInputElement).value);
  const attributes = {
    id,
    value: marbles,
    maxlength: MAX_LENGTH,
    spellcheck: 'false',
    autocomplete: 'off',
    autocapitalize: 'off',
    onInput,
  };
  return h('div', { class: 'playground-line' }, [h('label', { for: id }, line), h('input', attributes)]);
}

function optionField(
  name: string,
  option: string,
  value: OptionValue,
  choices: readonly string[] | undefined,
  onChange: (value: OptionValue) => void,
): VNode {
  const id = `${name}-option-${option}`;
  const field = (): VNode => {
    if (typeof value === 'boolean') {
      const onInput = ({ target }: Event): void => onChange((target as HTMLInputElement).checked);
      return h('input', { id, type: 'checkbox', checked: value, onInput });
    }
    if (typeof value === 'number') {
      const onInput = ({ target }: Event): void => {
        const { valueAsNumber } = target as HTMLInputElement;
        if (valueAsNumber >= 0) onChange(Math.min(Math.floor(valueAsNumber), MAX_NUMBER));
      };
      return h('input', { id, type: 'number', min: 0, max: MAX_NUMBER, value, onInput });
    }
    const onInput = ({ target }: Event): void => onChange((target as HTMLSelectElement).value);
    return h(
      'select',
      { id, value, onInput },
      choices?.map((choice) => h('option', { value: choice }, choice)),
    );
  };
  return h('div', { class: 'playground-option' }, [h('label', { for: id }, option), field()]);
}

/** The diagram, and its lines as text, which a screen reader reads at each change. */
function picture(name: string, drawing: Valid, isOld: boolean): VNode {
  const shown = drawing.marbles.lines.filter(({ role }) => role === 'output' || role === 'result');
  return h('div', { class: { 'playground-old': isOld } }, [
    h('div', { class: 'playground-picture', tabindex: 0, role: 'region', 'aria-label': 'Diagram' }, [
      h('img', { src: `data:image/svg+xml,${encodeURIComponent(drawing.svg)}`, alt: `Marble diagram of ${name}` }),
    ]),
    h('dl', { class: 'playground-result', 'aria-live': 'polite' }, [
      ...shown.map(({ name: line, marbles }) => resultRow(line, marbles)),
      ...Object.entries(drawing.marbles.values).map(([letter, value]) => resultRow(letter, `= ${JSON.stringify(value)}`)),
    ]),
  ]);
}

function resultRow(name: string, text: string): VNode {
  return h('div', [h('dt', name), h('dd', text ? h('code', text) : 'nothing')]);
}
