import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { filesBelow } from '../support/filesBelow.js';
import { linkTargets } from '../support/markdownLinks.js';
import { root } from '../support/run.js';
import { isExternal, linkedFile, linkTo, sitePage } from './sitePaths.js';

/** An entry of a sidebar: a page, or a group of entries. */
export interface SidebarItem {
  readonly text: string;
  readonly link?: string;
  readonly collapsed?: boolean;
  readonly items?: readonly SidebarItem[];
}

const gettingStarted = 'docs/getting-started.md';

/** The link to the page that a newcomer reads first. */
export function startPage(): string {
  const file = existsSync(root + gettingStarted) ? gettingStarted : 'docs/guide/wire.md';
  return linkTo(sitePage(file).page);
}

/** The Markdown files of `docs`: each is a page of the site. */
export function pagesOfDocs(): readonly string[] {
  return filesBelow(`${root}docs`, '.md').map((file) => file.slice(root.length));
}

/**
 * Returns the sidebar of the documentation: the parts of docs/README.md, for users and for
 * contributors, with its groups of pages. The operators stand before the reference. A page that
 * docs/README.md does not name goes to the group of its folder, or to the last one: each page of
 * `docs` is in the sidebar.
 */
export function sidebarOfDocs(): readonly SidebarItem[] {
  const index = 'docs/README.md';
  const left = new Set(pagesOfDocs());
  left.delete(index);
  const take = (files: readonly string[]): readonly SidebarItem[] => files.filter((file) => left.delete(file)).map(itemFor);
  const below = (folder: string): readonly string[] => [...left].filter((file) => file.startsWith(folder));

  const operators = group('Operators', take([...linksOf('docs/operators/README.md'), ...below('docs/operators/')].sort(operatorsFirst)));
  const [use, ...others] = sectionsOf(readFileSync(root + index, 'utf8'), '## ').map(({ title, text }) =>
    group(
      title,
      sectionsOf(text, '### ').map((inner) => group(inner.title, take(targetsOf(index, inner.text)))),
    ),
  );
  const groups = use?.items ?? [];
  const reference = groups
    .map(({ text }) => text)
    .concat('Reference')
    .indexOf('Reference');
  const recipes = [group('More recipes', take(below('docs/recipes/'))), group('Examples', take(below('docs/examples/')))];
  const all = { text: 'All pages', link: linkTo(sitePage(index).page) };
  return [
    group(use?.text ?? '', [...groups.slice(0, reference), ...recipes, operators, ...groups.slice(reference)].filter(hasItems)),
    ...others,
    group('More', take([...left])),
    group('Project', [all, ...['CHANGELOG.md', 'CONTRIBUTING.md'].map(itemFor)]),
  ].filter(hasItems);
}

const hasItems = ({ items = [] }: SidebarItem): boolean => items.length > 0;

interface Group extends SidebarItem {
  readonly items: readonly SidebarItem[];
}

function group(text: string, items: readonly SidebarItem[]): Group {
  return { text, items };
}

/** Puts the page about all operators in front of them. */
function operatorsFirst(a: string, b: string): number {
  return Number(b.endsWith('README.md')) - Number(a.endsWith('README.md'));
}

/** The parts of a text below its headings of one level. */
function sectionsOf(text: string, mark: string): readonly { readonly title: string; readonly text: string }[] {
  const [, ...sections] = text.split(new RegExp(`^${mark}`, 'm'));
  return sections.map((section) => ({ title: section.split('\n', 1)[0]?.trim() ?? '', text: section }));
}

/** The files that a page links to. */
function linksOf(file: string): readonly string[] {
  const links = targetsOf(file, readFileSync(root + file, 'utf8'));
  return links.filter((link) => link.startsWith(`${dirname(file)}/`));
}

function targetsOf(file: string, text: string): readonly string[] {
  return linkTargets(text)
    .filter((target) => !isExternal(target))
    .map((target) => linkedFile(file, target));
}

function itemFor(file: string): SidebarItem {
  return { text: titleOf(file), link: linkTo(sitePage(file).page) };
}

/** The heading of a page, without its marks. */
export function titleOf(file: string): string {
  const title = /^# +(.+)$/m.exec(readFileSync(root + file, 'utf8'))?.[1];
  return title?.replace(/`|\*\*/g, '').trim() ?? dirname(file);
}
