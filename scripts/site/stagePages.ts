import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, extname, join, relative } from 'node:path';
import { TEMPLATES } from '../../lib/adapters/cli/newCommand.js';
import { linkTargets } from '../support/markdownLinks.js';
import { root } from '../support/run.js';
import { TEMPLATE_FOLDERS } from '../support/templates.js';
import { pagesOfDocs, startPage } from './navigation.js';
import { pagesFolder } from './siteFolders.js';
import { isExternal, linkedFile, sitePage } from './sitePaths.js';

/** The languages of the files that are shown as code, by their endings. The others are shown as plain text. */
const languages: Readonly<Record<string, string>> = { ts: 'ts', conf: 'nginx', service: 'ini', proto: 'proto', sh: 'sh' };
const isHidden = (name: string): boolean =>
  name.startsWith('.') || ['node_modules', 'dist', 'package-lock.json'].includes(name) || /\.(svg|png)$/.test(name);

interface Page {
  readonly page: string;
  readonly content: string | Buffer;
  /** The files that the page links to. */
  readonly links: readonly string[];
}

/**
 * Writes the pages of the site for VitePress: the Markdown files of `docs` and of the repository's
 * folder, and each file that they link to. The texts stay as they are. The frontmatter of a page
 * names its file, which the relative links start from.
 *
 * @returns The number of pages.
 */
export async function stagePages(): Promise<number> {
  const top = (await readdir(root)).filter((file) => file.endsWith('.md'));
  const files = new Set([...top, ...pagesOfDocs()]);
  const pages = new Set<string>();
  // A Set iterates over what is added meanwhile.
  for (const file of files) {
    const { page, content, links } = await pageOf(file);
    for (const link of links) files.add(link);
    pages.add(page);
    await writeIfChanged(pagesFolder + page, content);
  }
  await removeOthers(pages);
  return pages.size;
}

async function pageOf(file: string): Promise<Page> {
  const { page, kind } = sitePage(file);
  if ((await stat(root + file)).isDirectory()) return pageOfFolder(file, page);
  if (kind === 'picture') return { page, content: await readFile(root + file), links: [] };
  const text = await readFile(root + file, 'utf8');
  if (kind === 'source') return { page, content: pageOfSource(file, text), links: [] };
  const links = linkTargets(text).filter((target) => !isExternal(target));
  // The page of an example that `rxwire new` writes has a button that copies the command.
  const template = TEMPLATES.find((name) => `${TEMPLATE_FOLDERS[name]}/README.md` === file);
  const content = file === 'README.md' ? homePage(text) : frontmatter({ file, ...(template && { template }) }) + text;
  return { page, content, links: links.map((target) => linkedFile(file, target)) };
}

/** The landing page: a title with buttons above the README. */
function homePage(readme: string): string {
  const hero = {
    name: 'rxwire',
    text: 'Reliable real-time messaging as RxJS operators',
    tagline: 'For browsers, scripts and Node servers. A broken connection loses, doubles or reorders no message.',
    actions: [
      { theme: 'brand', text: 'Get started', link: startPage() },
      { theme: 'alt', text: 'All pages', link: '/pages' },
      { theme: 'alt', text: 'API', link: '/api/' },
    ],
  };
  return frontmatter({ file: 'README.md', layout: 'home', hero }) + readme.replace(/^# .*\n+/, '');
}

async function pageOfFolder(folder: string, page: string): Promise<Page> {
  const names = (await readdir(root + folder)).filter((name) => !isHidden(name)).sort();
  const list = names.map((name) => `- [\`${name}\`](${name})`).join('\n');
  // The links of the list start in the folder.
  const content = `${frontmatter({ file: `${folder}/.`, ...aside })}# \`${folder}\`\n\n${list}\n`;
  return { page, content, links: names.map((name) => linkedFile(`${folder}/.`, name)) };
}

function pageOfSource(file: string, text: string): string {
  const ending = extname(file).slice(1);
  const fence = '`'.repeat(6);
  return `${frontmatter({ file, ...aside })}# \`${file}\`\n\n${fence}${languages[ending] ?? 'txt'}\n${text.trimEnd()}\n${fence}\n`;
}

/** Pages of code are not searched, and have neither a sidebar nor pages before and after them. */
const aside = { pageClass: 'source', search: false, sidebar: false, aside: false, prev: false, next: false };

/** JSON is YAML, too. */
function frontmatter(fields: object): string {
  return `---\n${JSON.stringify(fields)}\n---\n`;
}

async function writeIfChanged(path: string, content: string | Buffer): Promise<void> {
  const before = await readFile(path).catch(() => undefined);
  if (before?.equals(Buffer.from(content))) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** Removes pages whose files are gone. The API reference is not from files. */
async function removeOthers(pages: ReadonlySet<string>): Promise<void> {
  const entries = await readdir(pagesFolder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => relative(pagesFolder, join(parentPath, name)));
  await Promise.all(files.filter((file) => !file.startsWith('api/') && !pages.has(file)).map((file) => rm(pagesFolder + file)));
}
