import { existsSync, readFileSync } from 'node:fs';
import { defineConfig, type DefaultTheme } from 'vitepress';
import { apiLinks } from '../../scripts/site/apiLinks.js';
import { bundledDemo } from '../../scripts/site/bundledDemo.js';
import { diagrams } from '../../scripts/site/diagrams.js';
import { sidebarOfDocs, startPage } from '../../scripts/site/navigation.js';
import { playgrounds } from '../../scripts/site/playgrounds.js';
import { repositoryLinks } from '../../scripts/site/repositoryLinks.js';
import { searchText } from '../../scripts/site/searchText.js';
import { apiSidebarFile, cacheFolder, htmlFolder, pagesFolder } from '../../scripts/site/siteFolders.js';
import { headingAnchor } from '../../scripts/support/markdownLinks.js';

const description = 'Reliable real-time messaging as RxJS operators';
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M2 16h28" stroke="#8b7cf6" stroke-width="3"/><circle cx="10" cy="16" r="6" fill="#5b4bd6"/><circle cx="23" cy="16" r="4" fill="#8b7cf6"/></svg>`;

export default defineConfig({
  title: 'rxwire',
  description,
  lang: 'en',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(icon)}` }]],
  srcDir: pagesFolder,
  outDir: htmlFolder,
  cacheDir: cacheFolder,
  // Otherwise each page holds the list of all pages, and the sidebar once more.
  metaChunk: true,
  // An example may name the address of a server that it starts.
  ignoreDeadLinks: 'localhostLinks',
  markdown: {
    // The anchors of GitHub: a link works in the repository and on the site.
    anchor: { slugify: headingAnchor },
    attrs: { disable: true },
    // Themes whose comments can be read on the background of a code block.
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-default' },
    languageAlias: { session: 'js' },
    config: (md) => md.use(repositoryLinks).use(apiLinks).use(diagrams).use(playgrounds),
  },
  vite: {
    plugins: [bundledDemo],
    // No code for browsers from before 2022, also not of RxJS.
    resolve: { conditions: ['es2015'] },
    // docs:dev would find these packages when the first playground loads them, and reload the page.
    optimizeDeps: { include: ['eventsource-parser', 'msgpackr', 'nanoid', 'rxjs', 'rxjs/testing', 'rxjs-websockets'] },
    define: { API_SIDEBAR: JSON.stringify(apiSidebarFile) },
    build: { target: 'es2022', reportCompressedSize: false, chunkSizeWarningLimit: 2_500 },
  },
  themeConfig: {
    search: { provider: 'local', options: { _render: searchText } },
    nav: [
      { text: 'Guide', link: startPage(), activeMatch: '^/(guide|getting-started|recipes)' },
      { text: 'Operators', link: '/operators/', activeMatch: '^/operators/' },
      { text: 'Errors', link: '/errors', activeMatch: '^/errors' },
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
    ],
    sidebar: { '/api/': entryPoints(), '/': sidebarOfDocs() as DefaultTheme.SidebarItem[] },
    outline: [2, 3],
  },
});

/** The entry points alone: with their exports, each of the pages of the API reference would weigh 200 kB. The theme adds the exports. */
function entryPoints(): DefaultTheme.SidebarItem[] {
  if (!existsSync(apiSidebarFile)) return [];
  const items = JSON.parse(readFileSync(apiSidebarFile, 'utf8')) as DefaultTheme.SidebarItem[];
  return [{ text: 'API reference', link: '/api/', items: items.map(({ text = '', link = '' }) => ({ text, link })) }];
}
