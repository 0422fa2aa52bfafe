import { defineAsyncComponent, defineComponent, h, onBeforeUnmount, onMounted, ref } from 'vue';
import { linkMarker } from './linkMarker.js';

const MarblePlayground = defineAsyncComponent(async () => (await import('./marblePlayground.js')).MarblePlayground);

/**
 * The place of a playground: a page loads it when the reader scrolls to it, with `open`, or presses
 * a button; and for a link to it.
 */
export const PlaygroundPlace = defineComponent({
  props: { name: { type: String, required: true }, open: Boolean },
  setup({ name, open }) {
    const place = ref<HTMLElement>();
    const isOpen = ref(false);
    let observer: IntersectionObserver | undefined;

    const show = (): void => {
      isOpen.value = true;
      observer?.disconnect();
    };
    const followLink = (): void => {
      if (location.hash.startsWith(linkMarker(name))) show();
    };
    onMounted(() => {
      if (open && place.value) {
        observer = new IntersectionObserver((entries) => entries.some(({ isIntersecting }) => isIntersecting) && show(), {
          rootMargin: '300px',
        });
        observer.observe(place.value);
      }
      addEventListener('hashchange', followLink);
      followLink();
    });
    onBeforeUnmount(() => {
      observer?.disconnect();
      removeEventListener('hashchange', followLink);
    });

    return () => {
      if (!isOpen.value && !open)
        return h('p', { class: 'playground-opener', 'data-name': name }, [
          h('button', { type: 'button', onClick: show }, 'Edit this diagram'),
        ]);
      return h('div', { ref: place, class: { 'playground-place': open } }, isOpen.value ? [h(MarblePlayground, { name })] : []);
    };
  },
});
