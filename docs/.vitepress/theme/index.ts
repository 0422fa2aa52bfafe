import { useData, type Theme } from 'vitepress';
import DefaultTheme from 'vitepress/theme-without-fonts';
import { computed, defineComponent, h } from 'vue';
import { ApiExports } from './apiExports.js';
import { LiveDemo } from './liveDemo/liveDemo.js';
import './liveDemo.css';
import { NewProject } from './newProject.js';
import { PlaygroundPlace } from './playground/playgroundPlace.js';
import './playground.css';
import './site.css';

const Layout = defineComponent({
  setup() {
    const { page, frontmatter } = useData();
    const template = computed(() => frontmatter.value['template'] as string | undefined);
    const isReference = (): boolean => page.value.relativePath.startsWith('api/');
    return () =>
      h(DefaultTheme.Layout, undefined, {
        'sidebar-nav-after': () => (isReference() ? h(ApiExports) : undefined),
        'doc-before': () => template.value && h(NewProject, { key: template.value, template: template.value }),
        'home-hero-actions-after': () => h(NewProject, { template: 'chat', label: 'Try it:' }),
        'home-hero-after': () => h(LiveDemo),
      });
  },
});

export default {
  extends: DefaultTheme,
  Layout,
  enhanceApp: ({ app }) => void app.component('PlaygroundPlace', PlaygroundPlace),
} satisfies Theme;
