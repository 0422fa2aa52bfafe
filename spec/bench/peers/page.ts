import { cellsOfGoals, cellsOfTable, markdownTable, short } from './cells.js';
import { inWords, ranked } from './chart.js';
import type { Column, Results, Table } from './results.js';
import { STEP_BEFORE } from './results.js';

/** Where the columns of prose end. */
const WIDTH = 100;

/** The columns that have a chart. */
export const chartsOf = ({ columns }: Table): readonly Column[] => columns.filter((column) => column.chart !== undefined);

/** The name of a chart: that of its table, with the column if the table has several charts. */
export const fileOf = (table: Table, { key }: Column): string =>
  `performance-${table.key}${chartsOf(table).length > 1 ? `-${key}` : ''}.svg`;

function filled(text: string, indent = ''): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? word : `${indent}${word}`);
  }
  return lines.join('\n');
}

/** The row of rxwire that others are ahead of, or behind: that with most guarantees. */
const ownRow = ({ rows }: Table) => rows.filter(({ side, figures }) => side.startsWith('rxwire') && Object.keys(figures).length > 0).at(-1);

/** Names each peer with a better median than rxwire. */
function ahead(table: Table, column: Column): string {
  const own = ownRow(table);
  const mine = own?.figures[column.key]?.median;
  if (!own || mine === undefined || table.baseline === STEP_BEFORE) return '';
  const better = ranked(table, column).flatMap(({ side, figures: { [column.key]: figure } }) => {
    if (!figure || side.startsWith('rxwire') || (column.isCost ? figure.median >= mine : figure.median <= mine)) return [];
    const factor = column.isCost ? mine / figure.median : figure.median / mine;
    return [Number.isFinite(factor) ? `${side} (by ${short(factor)} times)` : side];
  });
  const text =
    better.length === 0
      ? `**${column.title}**: no peer is ahead of *${own.side}*.`
      : `**${column.title}**: ahead of *${own.side}* ${better.length === 1 ? 'is' : 'are'} ${better.join(', ')}.`;
  return filled(`- ${text}`, '  ');
}

/** The charts of a table: for each of them its name, and the picture with its description. */
const picturesIn = (table: Table): Readonly<Record<string, string>> =>
  Object.fromEntries(
    chartsOf(table).map((column) => {
      const file = fileOf(table, column);
      return [file.replace('.svg', ''), `![${inWords(table, column).replaceAll(/[[\]]/g, '')}](images/${file})`];
    }),
  );

function sectionOf(table: Table): string {
  const { title, ...cells } = cellsOfTable(table);
  const notes = chartsOf(table)
    .map((column) => ahead(table, column))
    .filter((note) => note !== '')
    .join('\n');
  const reasons = table.rows.some(({ reason }) => reason !== undefined);
  const missing = reasons ? [filled('The command prints *not measured* with the reason, where a peer failed or is not installed.')] : [];
  return [`${title}:`, markdownTable({ title, ...cells }), ...(notes === '' ? [] : [notes]), ...missing].join('\n\n');
}

function machineOf({ date, seconds, machine, versions }: Results): string {
  const minutes = `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const { cpu, cores, memory, system, node } = machine;
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    filled(`- Machine: ${cpu}, ${cores} cores, ${memory} GiB of memory, ${system}, Node ${node}.`, '  '),
    `- Date: ${date.slice(0, 10)}. Duration: ${minutes}.`,
    filled(`- Versions: ${names.join(', ')}.`, '  '),
  ].join('\n');
}

/** All tables of a run. */
export const tablesOf = ({ measures }: Results): readonly Table[] => Object.values(measures).flatMap(({ tables }) => tables);

/** What the pages show, by the names of their markers: the charts, each by the name of its file, and the tables. */
export function sectionsOf(results: Results): Readonly<Record<string, string>> {
  return {
    machine: machineOf(results),
    goals: markdownTable(cellsOfGoals(Object.values(results.measures))),
    ...Object.fromEntries(tablesOf(results).map((table) => [table.key, sectionOf(table)])),
    ...Object.fromEntries(tablesOf(results).flatMap((table) => Object.entries(picturesIn(table)))),
  };
}

const MARKER = /<!-- peers:([\w-]+) -->\n[\s\S]*?<!-- \/peers -->/g;

/** The texts of pages, by their files. */
export type Pages = Readonly<Record<string, string>>;

/** Replaces what is between the markers of the pages. Each section must have one marker on one of the pages, and each marker its section. */
export function fillPages(pages: Pages, sections: Readonly<Record<string, string>>): Pages {
  const names = Object.values(pages).flatMap((page) => [...page.matchAll(MARKER)].map(([, name = '']) => name));
  const missing = Object.keys(sections).filter((name) => !names.includes(name));
  const unknown = names.filter((name, index) => sections[name] === undefined || names.indexOf(name) !== index);
  if (missing.length > 0) throw new Error(`the pages have no marker for ${missing.join(', ')}`);
  if (unknown.length > 0) throw new Error(`the results have nothing for the markers ${unknown.join(', ')}`);
  const fill = (page: string): string =>
    page.replaceAll(MARKER, (_, name: string) => `<!-- peers:${name} -->\n\n${sections[name]}\n\n<!-- /peers -->`);
  return Object.fromEntries(Object.entries(pages).map(([file, page]) => [file, fill(page)]));
}
