import { createMarkdownRenderer } from 'vitepress';
import { apiLinks, type ApiNames } from '../../scripts/site/apiLinks.js';

const entryPoint = (name: string, functions: readonly string[], types: readonly string[] = []) => {
  const group = (text: string, path: string, names: readonly string[]) => ({
    text,
    items: names.map((item) => ({ text: item, link: `/api/${name}/${path}/${item}` })),
  });
  return { text: name, link: `/api/${name}/`, items: [group('Functions', 'functions', functions), group('Types', 'type-aliases', types)] };
};

const names: ApiNames = {
  entryPoints: [
    entryPoint('rxwire', ['connect', 'dedupe', 'json', 'pool'], ['Message', 'dedupe']),
    entryPoint('rxwire/react', ['useWire']),
    entryPoint('rxwire/vue', ['useWire']),
  ],
  members: ['pool'],
};

describe('the links of inline code to the API reference', () => {
  const renderer = createMarkdownRenderer('docs', { config: (md) => md.use(apiLinks, names) });

  /** The targets of the links of a page, in their order. */
  async function linksOf(text: string, file = 'docs/page.md'): Promise<readonly (string | undefined)[]> {
    const html = (await renderer).render(text, { frontmatter: { file }, relativePath: 'page.md', path: 'page.md', cleanUrls: false });
    return [...html.matchAll(/<a href="([^"]*)" class="api-link"><code>[^<]*<\/code><\/a>/g)].map(([, href]) => href);
  }
  const connect = '/api/rxwire/functions/connect.html';
  const dedupe = '/api/rxwire/functions/dedupe.html';

  it('lead from functions, calls and types to their pages', async () => {
    expect(await linksOf('`connect` and `json()`, a `Message`')).toEqual([
      connect,
      '/api/rxwire/functions/json.html',
      '/api/rxwire/type-aliases/Message.html',
    ]);
    expect(await linksOf('| `dedupe` |\n| --- |\n| `connect` |')).toEqual([connect]);
  });

  it('are the first mention of each section', async () => {
    expect(await linksOf('`connect`, `connect()`\n\n- `connect`\n\n## Two\n\n`connect` and `connect`')).toEqual([connect, connect]);
  });

  it('are neither in headings nor in other links nor in blocks of code', async () => {
    expect(await linksOf('# `dedupe`\n\n[`connect`](other.md), `connect`\n\n```ts\n`connect`\n```\n')).toEqual([]);
  });

  it.each(['`unknown`', '`connect(url)`', 'connect', '`wire.connect`', '`toString`'])('are not made of %s', async (text) => {
    expect(await linksOf(text)).toEqual([]);
  });

  it('resolve a name of several entry points by the imports of the page', async () => {
    const using = (from: string): string => `\`useWire\`\n\n\`\`\`ts\nimport { useRequest } from 'rxwire/${from}';\n\`\`\`\n`;
    expect(await linksOf('`useWire`')).toEqual([]);
    expect(await linksOf(using('vue'))).toEqual(['/api/rxwire/vue/functions/useWire.html']);
    expect(await linksOf(using('vue') + using('react'))).toEqual([]);
  });

  it('leave a name alone that an option has, too, unless the page imports it', async () => {
    expect(await linksOf('`pool`')).toEqual([]);
    expect(await linksOf('`pool()`')).toHaveLength(1);
    const imported = "\n\n```ts\nimport { dedupe, pool } from 'rxwire';\n```\n";
    expect(await linksOf('`pool`' + imported)).toHaveLength(1);
    expect(await linksOf('| option |\n| --- |\n| `pool` |' + imported)).toEqual([]);
  });

  it('are on the pages of docs and of the README', async () => {
    expect(await linksOf('`dedupe`', 'README.md')).toEqual([dedupe]);
    expect(await linksOf('`dedupe`', 'CHANGELOG.md')).toEqual([]);
  });
});
