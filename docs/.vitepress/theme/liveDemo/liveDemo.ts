import { defineComponent, h, onBeforeUnmount, onMounted, ref, shallowRef, triggerRef, type VNode } from 'vue';
import type { Condition, Demo, Fault } from './demo.js';
import type { Counts, Fate } from './tally.js';

/** The places for messages in a lane. A new message takes the place of an old one, and none moves. */
const PLACES = 44;
/** The places after the newest message that are empty, in which the eye finds the newest. */
const GAP = 3;
const SIZE = 10;
/** The time after which a fault comes by itself, once, in ms: the page shows at once why it is there. */
const FIRST_FAULT = 3_500;
/** The time after a fault in which its losses become known, in ms. */
const AFTERMATH = 1_300;

const lanes = [
  { name: 'rxwire', text: 'at-least-once, the default', short: 'rxwire' },
  { name: 'rxwire, at-most-once', text: 'sends each message once', short: 'at-most-once' },
  { name: 'a bare connection', text: 'a WebSocket that reconnects', short: 'the bare connection' },
] as const;
const faults: readonly { readonly fault: Fault; readonly text: string; readonly begins: string; readonly ends: string }[] = [
  { fault: 'cut', text: 'Cut', begins: 'The connection is cut.', ends: 'The connection is back.' },
  {
    fault: 'black hole',
    text: 'Black hole',
    begins: 'The network loses each frame, and notifies neither side.',
    ends: 'The network is back.',
  },
  { fault: 'killed', text: 'Kill the server', begins: 'The server is dead.', ends: 'A new server has started.' },
];
const none: Counts = { received: 0, lost: 0, doubled: 0, disordered: 0 };
const fates: readonly (readonly [Fate, string])[] = [
  ['received', 'received'],
  ['waiting', 'on its way, or kept'],
  ['lost', 'lost'],
  ['doubled', 'received twice'],
];

/** The front page runs a client and a server of rxwire, and the reader breaks their connection. */
export const LiveDemo = defineComponent({
  setup() {
    const root = ref<HTMLElement>();
    const demo = shallowRef<Demo>();
    const isPaused = ref(false);
    const status = ref('Press a button, or wait for the first cut.');
    const timers = new Set<ReturnType<typeof setTimeout>>();
    let isVisible = false;
    let hasBroken = false;
    let observer: IntersectionObserver | undefined;

    const after = (ms: number, task: () => void): void => void timers.add(setTimeout(task, ms));
    const update = (): void => {
      if (!demo.value) return;
      if (isVisible && !isPaused.value && !document.hidden) demo.value.run();
      else demo.value.pause();
    };
    const pause = (paused: boolean): void => {
      isPaused.value = paused;
      update();
    };
    const toggle = (fault: Fault): void => {
      hasBroken = true;
      demo.value?.toggle(fault);
    };
    let before: Fault | undefined;
    let lostBefore: readonly number[] = [];
    /** Says what has begun and what has ended. A screen reader reads it: the counts, which change often, it does not. */
    const say = ({ fault, counts }: Demo): void => {
      if (fault === before) return;
      const ended = faults.find((one) => one.fault === before);
      const begun = faults.find((one) => one.fault === fault);
      before = fault;
      if (begun) {
        lostBefore = counts.map(({ lost }) => lost);
        status.value = begun.begins;
      } else if (ended) {
        status.value = ended.ends;
        after(AFTERMATH, () => {
          if (before) return;
          const losses = counts.map(({ lost }, lane) => `${lanes[lane]?.short} ${lost - (lostBefore[lane] ?? 0)}`);
          status.value = `${ended.ends} Lost: ${losses.join(', ')}.`;
        });
      }
    };
    let isDrawing = false;
    const draw = (): void => {
      if (demo.value) say(demo.value);
      if (isDrawing) return;
      isDrawing = true;
      requestAnimationFrame(() => {
        isDrawing = false;
        triggerRef(demo);
      });
    };

    onMounted(async () => {
      const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
      isPaused.value = isStill;
      await untilIdle();
      const { createDemo } = await import('./demo.js');
      if (!root.value) return;
      demo.value = createDemo(draw);
      observer = new IntersectionObserver(([entry]) => {
        isVisible = entry?.isIntersecting === true;
        update();
        if (isVisible && !isStill && !hasBroken) {
          hasBroken = true;
          after(FIRST_FAULT, () => !demo.value?.fault && demo.value?.toggle('cut'));
        }
      });
      observer.observe(root.value);
      document.addEventListener('visibilitychange', update);
    });
    onBeforeUnmount(() => {
      observer?.disconnect();
      document.removeEventListener('visibilitychange', update);
      for (const timer of timers) clearTimeout(timer);
      demo.value?.close();
      demo.value = undefined;
    });

    return () => {
      const running = demo.value;
      const button = (text: string, isPressed: boolean | undefined, onClick: () => void): VNode =>
        h('button', { type: 'button', disabled: !running, 'aria-pressed': isPressed, onClick }, text);
      return h('section', { ref: root, class: 'live-demo', 'aria-labelledby': 'live-demo-title' }, [
        h('h2', { id: 'live-demo-title' }, 'Break the connection'),
        h('p', [
          'A client and a server of rxwire run in this page. The client sends a message every 150 ms. ',
          'Each lane has the same faults.',
        ]),
        h('div', { class: 'live-buttons', role: 'group', 'aria-label': 'Faults of the connection' }, [
          ...faults.map(({ fault, text }) => button(text, running?.fault === fault, () => toggle(fault))),
          button('Lag', running?.isSlow === true, () => demo.value?.toggleLag()),
          button(isPaused.value ? 'Start' : 'Pause', undefined, () => pause(!isPaused.value)),
        ]),
        h('p', { class: 'live-status', role: 'status' }, status.value),
        ...lanes.map((lane, index) =>
          h('div', { class: 'live-lane', 'data-lane': index }, [
            h('div', { class: 'live-name' }, [h('strong', lane.name), h('span', lane.text)]),
            track(running, index),
            countsOf(running?.counts[index] ?? none),
          ]),
        ),
        legend(),
      ]);
    };
  },
});

/** Waits until the browser has shown the page, at most one second. */
async function untilIdle(): Promise<void> {
  if ('requestIdleCallback' in window) await new Promise((resolve) => requestIdleCallback(resolve, { timeout: 1_000 }));
}

function track(demo: Demo | undefined, lane: number): VNode {
  const newest = demo?.sent ?? 0;
  const oldest = Math.max(1, newest - PLACES + GAP + 1);
  const numbers = Array.from({ length: newest - oldest + 1 }, (_, index) => oldest + index);
  const picture = numbers.map((number) => {
    const x = (number % PLACES) * SIZE;
    const condition = demo?.conditionOf(number) ?? 'up';
    return h('g', { key: number, transform: `translate(${x} 0)` }, [ground(condition), dot(demo?.fateOf(lane, number) ?? 'waiting')]);
  });
  const head = h('path', { class: 'live-head', d: `M${((newest + 1) % PLACES) * SIZE + 2} 2v20` });
  const line = h('path', { class: 'live-line', d: `M0 12H${PLACES * SIZE}` });
  return h('svg', { viewBox: `0 0 ${PLACES * SIZE} 24`, 'aria-hidden': 'true' }, [line, ...picture, head]);
}

/** The background of the messages that were sent during a fault. */
function ground(condition: Condition): VNode | undefined {
  return condition === 'up' ? undefined : h('rect', { class: `live-ground ${condition.replace(' ', '-')}`, width: SIZE, height: 24 });
}

function dot(fate: Fate): VNode {
  const [cx, cy] = [SIZE / 2, 12];
  const isCross = fate === 'lost';
  const shape = isCross ? h('path', { d: `M${cx - 3} ${cy - 3}l6 6m0 -6l-6 6` }) : h('circle', { cx, cy, r: fate === 'waiting' ? 3 : 3.8 });
  return h('g', { class: `live-dot ${fate.replaceAll(' ', '-')}` }, [shape]);
}

function countsOf({ lost, doubled, disordered }: Counts): VNode {
  const count = (name: string, value: number): VNode => h('div', { class: { bad: value > 0 } }, [h('dt', name), h('dd', value)]);
  return h('dl', { class: 'live-counts' }, [count('lost', lost), count('doubled', doubled), count('reordered', disordered)]);
}

function legend(): VNode {
  const items = fates.map(([fate, text]) =>
    h('li', [h('svg', { viewBox: '0 6 10 12', width: 14, height: 16, 'aria-hidden': 'true' }, [dot(fate)]), text]),
  );
  return h('ul', { class: 'live-legend' }, [...items, h('li', [h('span', { class: 'live-swatch' }), 'sent during a fault'])]);
}
