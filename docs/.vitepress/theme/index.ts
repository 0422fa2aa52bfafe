import { useData, type Theme } from 'vitepress';
import DefaultTheme from 'vitepress/theme-without-fonts';
import { defineComponent, h } from 'vue';
import { ApiExports } from './apiExports.js';
import './site.css';

const Layout = defineComponent({
  setup() {
    const { page } = useData();
    const isReference = (): boolean => page.value.relativePath.startsWith('api/');
    return () => h(DefaultTheme.Layout, undefined, { 'sidebar-nav-after': () => (isReference() ? h(ApiExports) : undefined) });
  },
});

export default { extends: DefaultTheme, Layout } satisfies Theme;
