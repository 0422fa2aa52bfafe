import { defineComponent, h, ref } from 'vue';
import { copyText } from './copyText.js';

/** The command that writes an example, with a button that copies it. */
export const NewProject = defineComponent({
  props: { template: { type: String, required: true }, label: { type: String, default: 'Run this example on your machine:' } },
  setup({ template, label }) {
    const status = ref('');
    const command = `npx rxwire new ${template}`;
    const copy = async (): Promise<void> => {
      status.value = await copyText(command, 'The command is copied.');
    };
    return () =>
      h('div', { class: 'new-project' }, [
        h('span', label),
        h('code', command),
        h('button', { type: 'button', 'aria-label': 'Copy the command', onClick: copy }, 'Copy'),
        h('span', { role: 'status' }, status.value),
      ]);
  },
});
