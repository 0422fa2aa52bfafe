import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** What is wrong with the links of a built site. */
export interface CrawlReport {
  readonly pages: number;
  /** The number of links, pictures, scripts and styles that were checked. */
  readonly links: number;
  /** One line for each fault: the page, the target, and the reason. */
  readonly faults: readonly string[];
}

interface Reference {
  readonly tag: string;
  readonly target: string;
}

interface Page {
  readonly references: readonly Reference[];
  readonly anchors: ReadonlySet<string>;
}

interface Site {
  readonly folder: string;
  readonly base: string;
  readonly pages: ReadonlyMap<string, Page>;
}

/**
 * Checks each link of a built site. A link to the site must lead to a file of it, and an anchor to
 * an element. Only a link that the reader follows may lead to another host: a page and its styles
 * load nothing from there.
 *
 * @param folder The folder of the site.
 * @param base The path at which a host serves the site, with a slash at both ends.
 */
export function crawl(folder: string, base = '/'): CrawlReport {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  const pages = new Map(files.filter((file) => file.endsWith('.html')).map((file) => [file, parsePage(read(file))]));
  const site: Site = { folder, base, pages };
  const ofPages = [...pages].flatMap(([file, { references }]) => references.map((reference) => ({ file, ...reference })));
  const ofStyles = files
    .filter((file) => file.endsWith('.css'))
    .flatMap((file) => styleTargets(read(file)).map((target) => ({ file, tag: 'style', target })));
  const all = [...ofPages, ...ofStyles];
  const faults = all.flatMap((link) => {
    const reason = faultOf(site, link);
    return reason === undefined ? [] : [`${link.file}: ${link.target}: ${reason}`];
  });
  return { pages: pages.size, links: all.length, faults: [...new Set(faults)] };
}

function faultOf(site: Site, { file, tag, target }: Reference & { readonly file: string }): string | undefined {
  if (/^([a-z][a-z0-9+.-]*:|\/\/)/i.test(target)) {
    return tag === 'a' || target.startsWith('data:') ? undefined : 'a page must not load from another host';
  }
  const found = destinationOf(site, file, target);
  if (found === undefined) return 'no such file';
  const anchor = decodeURIComponent(target.split('#')[1] ?? '');
  const page = site.pages.get(found);
  return anchor === '' || !page || page.anchors.has(anchor) ? undefined : 'no such anchor';
}

/** The file that a link leads to, from the folder of the site. `/errors` leads to `errors.html`, as hosts of static sites have it. */
function destinationOf({ folder, base, pages }: Site, file: string, target: string): string | undefined {
  const path = decodeURIComponent(target.replace(/[?#].*$/, ''));
  if (path === '') return file;
  if (path.startsWith('/') && !path.startsWith(base)) return undefined;
  const absolute = path.startsWith('/') ? `/${path.slice(base.length)}` : posix.join('/', posix.dirname(file), path);
  const bare = absolute.replace(/^\/|\/$/g, '');
  const candidates = absolute.endsWith('/') ? [posix.join(bare, 'index.html')] : [bare, `${bare}.html`];
  return candidates.find((candidate) => pages.has(candidate) || (posix.extname(candidate) !== '' && existsSync(join(folder, candidate))));
}

function parsePage(html: string): Page {
  const text = html.replace(/(<(script|style)\b[^>]*>)[\s\S]*?<\/\2>/g, '$1').replace(/<!--[\s\S]*?-->/g, '');
  const references: Reference[] = [];
  const anchors = new Set<string>();
  for (const [, tag = '', attributes = ''] of text.matchAll(/<([a-z][\w-]*)((?:\s+[^\s=>"'/]+(?:="[^"]*")?)*)\s*\/?>/gi)) {
    for (const [, name = '', escaped = ''] of attributes.matchAll(/([^\s=]+)="([^"]*)"/g)) {
      const value = unescape(escaped);
      if (name === 'id' || (name === 'name' && tag === 'a')) anchors.add(value);
      else if (name === 'href' || name === 'src') references.push({ tag, target: value });
      else if (name === 'style') references.push(...styleTargets(value).map((target) => ({ tag: 'style', target })));
    }
  }
  return { references, anchors };
}

function styleTargets(css: string): readonly string[] {
  return [...css.matchAll(/url\(\s*["']?([^"')]+)["']?\s*\)|@import\s+["']([^"']+)["']/g)].map(
    ([, url, imported]) => url ?? imported ?? '',
  );
}

function unescape(text: string): string {
  const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => characters[name] ?? '');
}
