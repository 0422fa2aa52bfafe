import { useData, withBase } from 'vitepress';
import { computed, defineComponent, h, nextTick, onMounted, ref, shallowRef, watch, type VNode } from 'vue';
import type { SidebarItem } from '../../../scripts/site/navigation.js';

/**
 * The exports of an entry point, below the sidebar of its pages, with a filter. The list is loaded
 * when the page has been shown: it is too long to be in each of the pages.
 */
export const ApiExports = defineComponent({
  setup() {
    const { page } = useData();
    const entryPoints = shallowRef<readonly SidebarItem[]>([]);
    const filter = ref('');
    const path = computed(() => `/${page.value.relativePath.replace(/(index)?\.md$/, '')}`);
    const entryPoint = computed(() => {
      const above = entryPoints.value.filter(({ link = '/' }) => path.value.startsWith(link));
      return above.sort((a, b) => (b.link ?? '').length - (a.link ?? '').length)[0];
    });
    const reveal = (): Promise<void> => nextTick(scrollToCurrent);
    onMounted(async () => {
      const { data } = await import('./apiExports.data.js');
      entryPoints.value = data;
      await reveal();
    });
    watch(path, () => (filter.value = ''));
    return () => (entryPoint.value ? exportsOf(entryPoint.value, path.value, filter.value, (text) => (filter.value = text)) : undefined);
  },
});

/** Scrolls the sidebar, and not the page, to the export that the page is about. */
function scrollToCurrent(): void {
  const current = document.querySelector('.api-exports [aria-current]');
  const sidebar = current?.closest('.VPSidebar');
  if (current && sidebar) sidebar.scrollTop += current.getBoundingClientRect().top - sidebar.clientHeight / 2;
}

function exportsOf({ text, items = [] }: SidebarItem, path: string, filter: string, onFilter: (text: string) => void): VNode {
  const wanted = filter.toLowerCase();
  const groups = items
    .map((group) => ({ ...group, items: (group.items ?? []).filter(({ text: name }) => name.toLowerCase().includes(wanted)) }))
    .filter((group) => group.items.length > 0);
  const input = h('input', {
    type: 'search',
    placeholder: 'Filter',
    'aria-label': `Filter the exports of ${text}`,
    value: filter,
    onInput: ({ target }: Event) => onFilter((target as HTMLInputElement).value),
  });
  return h('section', { class: 'api-exports', 'aria-label': `Exports of ${text}` }, [
    h('p', { class: 'api-entry' }, text),
    input,
    ...groups
      .map((group) => [
        h('p', { class: 'api-group' }, group.text),
        h(
          'ul',
          group.items.map((item) => exportItem(item, path)),
        ),
      ])
      .flat(),
  ]);
}

function exportItem({ text, link = '' }: SidebarItem, path: string): VNode {
  return h('li', h('a', { href: withBase(`${link}.html`), 'aria-current': link === path ? 'page' : undefined }, text));
}
