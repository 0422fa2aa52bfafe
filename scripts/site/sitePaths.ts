import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { root } from '../support/run.js';

/** What a file of the repository is on the site. */
export interface SitePage {
  /** The page, below the folder of the pages: `guide/wire.md`. */
  readonly page: string;
  readonly kind: 'markdown' | 'picture' | 'source';
}

/**
 * Returns the page of the site that shows a file of the repository. Pages of `docs` have the path
 * that they have there: `docs/errors.md` becomes `errors.md`. Other Markdown files are below
 * `project/`. Other files are shown as code, below `source/`.
 *
 * @param file The path of a file or folder, from the folder of the repository.
 */
export function sitePage(file: string): SitePage {
  if (/\.(svg|png)$/.test(file)) return { page: belowDocs(file) ?? `project/${file}`, kind: 'picture' };
  if (!file.endsWith('.md')) return { page: `source/${file.replaceAll('.', '-')}.md`, kind: 'source' };
  if (file === 'README.md') return { page: 'index.md', kind: 'markdown' };
  if (file === 'docs/README.md') return { page: 'pages.md', kind: 'markdown' };
  const page = belowDocs(file) ?? `project/${/^[A-Z]+\.md$/.test(file) ? file.toLowerCase() : file}`;
  return { page: page.replace(/(^|\/)README\.md$/, '$1index.md'), kind: 'markdown' };
}

/** Returns the link to a page: `/guide/wire`, and `/operators/` for `operators/index.md`. */
export function linkTo(page: string): string {
  return `/${page.replace(/(^|\/)index\.md$|\.md$/, '$1')}`;
}

/**
 * Returns the file that a relative link leads to: the README.md of a folder that has one.
 *
 * @param file The file that has the link.
 */
export function linkedFile(file: string, target: string): string {
  const [path = ''] = target.split('#');
  if (path === '') return file;
  const linked = posix.normalize(posix.join(posix.dirname(file), decodeURIComponent(path))).replace(/\/$/, '');
  return existsSync(`${root}${linked}/README.md`) ? `${linked}/README.md` : linked;
}

/** Whether a link leads out of the repository. */
export function isExternal(target: string): boolean {
  return /^([a-z][a-z0-9+.-]*:|\/)/i.test(target);
}

function belowDocs(file: string): string | undefined {
  return file.startsWith('docs/') ? file.slice('docs/'.length) : undefined;
}
