import { COLOURS, STYLE } from '../../../lib/adapters/testing/svg.js';
import { element, escape, shorten, textWidth } from '../../../lib/adapters/testing/svgLayout.js';
import { show } from './cells.js';
import { BASELINE } from './registry.js';
import { STEP_BEFORE, type Column, type Figure, type Row, type Table } from './results.js';

const WIDTH = 800;
const PADDING = 24;
const ROW = 26;
const BAR = 14;
const HEAD = 64;
const FONT = 13;
/** The right edge of the bars; beyond it is room for the value of the longest one. */
const RIGHT = WIDTH - PADDING - 110;
/** Ranges may reach so far beyond the longest bar; those that reach further end in an arrow. */
const ROOM = 1.5;

const EXTRA = [
  `.mb .ours{fill:${COLOURS[0]}}`,
  '.mb .base{fill:var(--line)}',
  '.mb .peer{fill:var(--soft);opacity:.55}',
  '.mb .range{stroke:var(--ink);stroke-width:1.5;fill:none}',
  '.mb .name{fill:var(--ink)}',
  '.mb .right{text-anchor:end}',
].join('');

/** Whether a table has an order of its own, which a chart keeps. */
const isOrdered = ({ baseline, key }: Table): boolean => baseline === STEP_BEFORE || key === 'growth';

/** The rows, the best first; those that were not measured are last. */
export function ranked(table: Table, { key, isCost }: Column): readonly Row[] {
  if (isOrdered(table)) return table.rows;
  const worst = isCost ? Infinity : -Infinity;
  const valueOf = ({ figures }: Row): number => figures[key]?.median ?? worst;
  return [...table.rows].sort((a, b) => (isCost ? valueOf(a) - valueOf(b) : valueOf(b) - valueOf(a)) || 0);
}

const kindOf = (side: string, table: Table): string => {
  if (side === table.baseline) return 'base';
  return side.startsWith('rxwire') || (isOrdered(table) && !side.includes(BASELINE)) ? 'ours' : 'peer';
};

/** The extremes as a line through the end of the bar, with a tick at each end. */
function range({ min, max }: Figure, y: number, xOf: (value: number) => number): string {
  if (min === max) return '';
  const [left, right] = [xOf(min), Math.min(xOf(max), RIGHT)];
  const half = BAR / 4;
  const end =
    xOf(max) > RIGHT ? `M${right - half} ${y - half}L${right} ${y}L${right - half} ${y + half}` : `M${right} ${y - half}V${y + half}`;
  return element('path', { class: 'range', d: `M${left} ${y - half}V${y + half}M${left} ${y}H${right}${end}` });
}

function bar(row: Row, column: Column, y: number, table: Table, xOf: (value: number) => number): string {
  const figure = row.figures[column.key];
  const name = element('text', { class: 'name right', x: xOf(0) - 10, y: y + FONT / 3 }, escape(row.side));
  const start = xOf(0);
  if (!figure)
    return name + element('text', { class: 'small', x: start, y: y + FONT / 3 }, escape(row.reason === undefined ? '' : 'not measured'));
  const width = Math.max(1, xOf(figure.median) - start);
  const shape = element('rect', { class: kindOf(row.side, table), x: start, y: y - BAR / 2, width, height: BAR, rx: 2 });
  const after = Math.max(xOf(figure.median), Math.min(xOf(figure.max), RIGHT)) + 8;
  return name + shape + range(figure, y, xOf) + element('text', { x: after, y: y + FONT / 3 }, escape(show(figure.median, column.unit)));
}

/** The chart in words, for those who do not see it. */
export function inWords(table: Table, column: Column): string {
  const values = ranked(table, column).flatMap(({ side, figures: { [column.key]: figure } }) =>
    figure ? [`${side} ${show(figure.median, column.unit)}`] : [],
  );
  return `${column.chart}: ${values.join('; ')}`;
}

/** Draws one column of a table as horizontal bars; the line at the end of a bar is the range of all rounds. */
export function chart(table: Table, column: Column): string {
  const rows = ranked(table, column);
  const most = Math.max(1e-9, ...rows.map(({ figures }) => figures[column.key]?.median ?? 0));
  const widest = Math.max(most, ...rows.map(({ figures }) => figures[column.key]?.max ?? 0));
  const left = PADDING + 10 + Math.max(...rows.map(({ side }) => textWidth(side, FONT)));
  const scale = (RIGHT - left) / Math.min(widest, ROOM * most);
  const xOf = (value: number): number => left + value * scale;
  const height = HEAD + rows.length * ROW + PADDING / 2;
  const title = shorten(column.chart ?? column.title, 95);
  const hint = `${column.isCost ? 'less' : 'more'} is better; the line shows the range of all rounds`;
  const fits = textWidth(title, 15) <= WIDTH;
  const content = [
    element('title', {}, escape(inWords(table, column))),
    `<style>${STYLE}${EXTRA}</style>`,
    element('rect', { class: 'card', x: 0.5, y: 0.5, width: WIDTH - 1, height: height - 1, rx: 8 }),
    element('text', { class: 'title', x: PADDING, y: 28, textLength: fits ? undefined : WIDTH - 2 * PADDING }, escape(title)),
    element('text', { class: 'small', x: PADDING, y: 46 }, escape(hint)),
    ...rows.map((row, index) => bar(row, column, HEAD + index * ROW + ROW / 2, table, xOf)),
  ];
  const size = { viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height };
  return `${element('svg', { xmlns: 'http://www.w3.org/2000/svg', class: 'mb', role: 'img', ...size }, content.join('\n'))}\n`;
}
