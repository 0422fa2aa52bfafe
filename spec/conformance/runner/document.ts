import { readFileSync } from 'node:fs';

/** The sections of docs/protocol.md, and the rows of their tables, by their first cells. */
export interface ProtocolDocument {
  /** `4`, `4 the server`, `4 the server.6`, `9 close codes` … */
  readonly sections: ReadonlySet<string>;
  readonly rows: ReadonlyMap<string, readonly string[]>;
}

/** Removes what is markup. */
const plain = (text: string): string =>
  text
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]/g, '')
    .trim();

export function readProtocol(): ProtocolDocument {
  const sections = new Set<string>();
  const rows = new Map<string, string[]>();
  let chapter = '';
  let section = '';
  let isHead = true;
  for (const line of readFileSync('docs/protocol.md', 'utf8').split('\n')) {
    const [, number] = /^## (\d+) /.exec(line) ?? [];
    const [, title] = /^### (.+)$/.exec(line) ?? /^\*\*(hello|welcome)\*\*$/.exec(line) ?? [];
    const [, item] = /^(\d+)\. /.exec(line) ?? [];
    if (number !== undefined) sections.add((section = chapter = number));
    else if (title !== undefined) sections.add((section = `${chapter} ${title.toLowerCase()}`));
    else if (item !== undefined) sections.add(`${section}.${item}`);
    if (!line.trimStart().startsWith('|')) isHead = true;
    else if (/^\s*\|[-|\s]+\|$/.test(line)) isHead = false;
    else if (!isHead) rows.set(section, [...(rows.get(section) ?? []), firstCell(line)]);
  }
  return { sections, rows };
}

/** The text of the first cell of a row. A bar within code does not end a cell here. */
function firstCell(line: string): string {
  const [, cell = ''] = /^\s*\|((?:`[^`]*`|[^|`])*)\|/.exec(line) ?? [];
  return plain(cell);
}
