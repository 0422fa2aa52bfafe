import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** What is wrong with the links of some Markdown files. */
export interface LinkReport {
  /** The number of links and pictures that were checked. */
  readonly count: number;
  /** One line for each dead link: where it stands, its target, and the reason. */
  readonly dead: readonly string[];
}

interface Link {
  readonly page: string;
  readonly line: number;
  readonly target: string;
}

/**
 * Checks the relative links, pictures and anchors of Markdown files.
 *
 * @param folder The folder that the paths are relative to. A link must not leave it.
 * @param pages The Markdown files.
 * @param files The files that readers have. The default is every file in `folder`.
 */
export function checkLinks(folder: string, pages: readonly string[], files?: readonly string[]): LinkReport {
  const known = files && withFolders(files);
  const exists = (path: string): boolean => (known ? known.has(path) : existsSync(join(folder, path)));
  const links = pages.flatMap((page) => linksOf(page, proseOf(join(folder, page))));
  const dead = links.flatMap((link) => {
    const reason = faultOf(folder, link, exists);
    return reason === undefined ? [] : [`${link.page}:${link.line} ${link.target}: ${reason}`];
  });
  return { count: links.length, dead };
}

/** Returns the pages that no chain of links leads to from `start`. */
export function unreachablePages(folder: string, pages: readonly string[], start: string): readonly string[] {
  const reached = new Set([start]);
  // A Set iterates over what is added meanwhile.
  for (const page of reached) {
    if (!pages.includes(page)) continue;
    for (const { target } of linksOf(page, proseOf(join(folder, page)))) if (!isAbsolute(target)) reached.add(destinationOf(page, target));
  }
  return pages.filter((page) => !reached.has(page));
}

/** Returns the targets of the links and pictures of a Markdown text. */
export function linkTargets(text: string): readonly string[] {
  return linksOf('', withoutFences(text)).map(({ target }) => target);
}

/** Returns the anchor that GitHub gives to a heading, if no heading above it has the same one. */
export function headingAnchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

function proseOf(file: string): string {
  return withoutFences(readFileSync(file, 'utf8'));
}

/** The text without the code in its fences. Line numbers are kept. */
function withoutFences(text: string): string {
  return text.replace(/^( *)(```+)[^\n]*\n[\s\S]*?^\1\2 *$/gm, (fence) => fence.replace(/[^\n]/g, ''));
}

/** Finds `[text](target)`, `![alt](target)`, `[name]: target`, and the `src` and `href` of HTML. */
function linksOf(page: string, prose: string): readonly Link[] {
  const text = prose.replace(/`[^`\n]*`/g, '');
  const pattern = /\]\(\s*<?([^)\s>]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)|(?:src|href)="([^"]+)"/gm;
  return [...text.matchAll(pattern)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    target: match[1] ?? match[2] ?? match[3] ?? '',
  }));
}

/** The anchors that GitHub gives to the headings of a file, and those written as HTML. */
function anchorsOf(file: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const prose = proseOf(file);
  const headings = [...prose.matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading = '']) => {
    const slug = headingAnchor(heading.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1'));
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    return before === 0 ? slug : `${slug}-${before}`;
  });
  return new Set([...headings, ...[...prose.matchAll(/\b(?:id|name)="([^"]+)"/g)].map(([, id = '']) => id)]);
}

function faultOf(folder: string, { page, target }: Link, exists: (path: string) => boolean): string | undefined {
  if (isAbsolute(target)) return undefined;
  const destination = destinationOf(page, target);
  if (destination.startsWith('..') || !exists(destination)) return 'no such file';
  const anchor = target.split('#')[1];
  const file = join(folder, destination);
  if (anchor === undefined || !destination.endsWith('.md') || statSync(file).isDirectory()) return undefined;
  return anchorsOf(file).has(anchor) ? undefined : 'no such heading';
}

function isAbsolute(target: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(target);
}

function destinationOf(page: string, target: string): string {
  const [path = ''] = target.split('#');
  return path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path))).replace(/\/$/, '');
}

/** The files, and each folder that one of them is in. */
function withFolders(files: readonly string[]): ReadonlySet<string> {
  const paths = new Set(files);
  for (const path of paths) if (dirname(path) !== '.') paths.add(dirname(path));
  return paths;
}
