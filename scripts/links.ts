/** npm run docs:links: every relative link in the Markdown files leads to a file, and its anchor to a heading. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { root } from './support/run.js';

interface Link {
  readonly file: string;
  readonly line: number;
  readonly target: string;
}

/** The text without what code fences hold, line numbers kept. */
function prose(file: string): string {
  return readFileSync(file, 'utf8').replace(/^( *)(```+)[^\n]*\n[\s\S]*?^\1\2 *$/gm, (fence) => fence.replace(/[^\n]/g, ''));
}

/** `[text](target)`, `![alt](target)`, `[name]: target`, and the `src` and `href` of HTML. */
function linksOf(file: string): readonly Link[] {
  const text = prose(file).replace(/`[^`\n]*`/g, '');
  const pattern = /\]\(\s*<?([^)\s>]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)|(?:src|href)="([^"]+)"/gm;
  return [...text.matchAll(pattern)].map((match) => ({
    file,
    line: text.slice(0, match.index).split('\n').length,
    target: match[1] ?? match[2] ?? match[3] ?? '',
  }));
}

/** The anchors that GitHub gives to the headings of a file, and those written as HTML. */
function anchorsOf(file: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const headings = [...prose(file).matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading = '']) => {
    const words = heading.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = words.replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '').replace(/\s/g, '-');
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    return before === 0 ? slug : `${slug}-${before}`;
  });
  return new Set([...headings, ...[...prose(file).matchAll(/\b(?:id|name)="([^"]+)"/g)].map(([, id = '']) => id)]);
}

function fault({ file, target }: Link): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [path = '', anchor] = target.split('#');
  const destination = path === '' ? file : normalize(join(dirname(file), decodeURIComponent(path)));
  if (destination.startsWith('..') || !existsSync(destination)) return 'no such file';
  if (anchor === undefined || statSync(destination).isDirectory() || !destination.endsWith('.md')) return undefined;
  return anchorsOf(destination).has(anchor) ? undefined : 'no such heading';
}

process.chdir(root);
const top = readdirSync('.').filter((file) => file.endsWith('.md'));
const docs = readdirSync('docs', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'));
const links = [...top, ...docs.map((file) => join('docs', file))].flatMap(linksOf);
const broken = links.flatMap((link) => {
  const reason = fault(link);
  return reason === undefined ? [] : [`${link.file}:${link.line} ${link.target}: ${reason}`];
});
for (const line of broken) console.error(line);
console.log(`${links.length} links, ${broken.length} broken`);
if (broken.length > 0) process.exitCode = 1;
