import { defineComponent, h, ref } from 'vue';
import { copyText } from './copyText.js';

/** The command that writes the example of this page, with a button that copies it. */
export const NewProject = defineComponent({
  props: { template: { type: String, required: true } },
  setup({ template }) {
    const status = ref('');
    const command = `npx rxwire new ${template}`;
    const copy = async (): Promise<void> => {
      status.value = await copyText(command, 'The command is copied.');
    };
    return () =>
      h('div', { class: 'new-project' }, [
        h('span', 'Run this example on your machine:'),
        h('code', command),
        h('button', { type: 'button', onClick: copy }, 'Copy the command'),
        h('span', { role: 'status' }, status.value),
      ]);
  },
});
