import { differences, show } from './marbleDifference.js';
import type { MarbleEvent, MarbleValues, MarbleWindow } from './marbleSpec.js';

/** The expected and the actual marks of a line. */
export interface Comparison {
  readonly name: string;
  readonly expected: readonly Mark[];
  readonly actual: readonly Mark[];
}

/** A notification, or an end of a subscription's window. */
export type Mark = MarbleEvent | { readonly frame: number; readonly kind: 'subscribe' | 'unsubscribe' };

const MAX_REASONS = 20;

interface Row {
  readonly label: string;
  readonly cells: ReadonlyMap<number, string>;
  /** The start of the subscription: nothing is drawn outside of it. */
  readonly starts: number;
  readonly ends: number;
}

export function marksOf({ from, to }: MarbleWindow): Mark[] {
  const unsubscribed = to === Infinity ? [] : [{ frame: to, kind: 'unsubscribe' as const }];
  return [{ frame: from, kind: 'subscribe' }, ...unsubscribed];
}

/**
 * Draws the lines that differ on one time axis, and describes the differences. Returns `undefined`
 * if there are none.
 */
export function explain(comparisons: readonly Comparison[], values: MarbleValues): string | undefined {
  const failed = comparisons.map((comparison) => ({ ...comparison, wrong: wrongFrames(comparison) })).filter(({ wrong }) => wrong.size > 0);
  if (failed.length === 0) return undefined;

  // A pipeline that differs for ever would fill the screen.
  const until = Math.max(...failed.map(({ wrong }) => [...wrong.keys()][MAX_REASONS] ?? Infinity));
  const shown = (marks: readonly Mark[]) => marks.filter(({ frame }) => frame <= until);
  const rows = failed.flatMap(({ name, expected, actual, wrong }) => [
    toRow(`${name} expected`, shown(expected), values),
    toRow(`${name} actual`, shown(actual), values),
    {
      label: '',
      cells: new Map([...wrong.keys()].filter((frame) => frame <= until).map((frame) => [frame, '^'])),
      starts: Infinity,
      ends: -1,
    },
  ]);
  const reasons = failed.flatMap(({ name, wrong }) =>
    [...wrong].flatMap(([frame, texts]) => texts.map((text) => `  ${name}, at ${frame} ms: ${text}`)),
  );
  const more = reasons.length > MAX_REASONS ? [`  and ${reasons.length - MAX_REASONS} more`] : [];
  return [...draw(rows), '', ...reasons.slice(0, MAX_REASONS), ...more].join('\n');
}

function wrongFrames({ expected, actual }: Comparison): Map<number, string[]> {
  const frames = [...new Set([...expected, ...actual].map(({ frame }) => frame))].sort((a, b) => a - b);
  const compared = frames.map((frame) => [frame, compareFrame(at(frame, actual), at(frame, expected))] as const);
  return new Map(compared.filter(([, texts]) => texts.length > 0));
}

function compareFrame(actual: readonly Mark[], expected: readonly Mark[]): string[] {
  return Array.from({ length: Math.max(actual.length, expected.length) }, (_, index) => {
    const [mine, theirs] = [actual[index], expected[index]];
    if (mine && theirs && mine.kind === theirs.kind) return differences(valueOf(mine), valueOf(theirs));
    return [`expected ${say(theirs)}, got ${say(mine)}`];
  }).flat();
}

function at(frame: number, marks: readonly Mark[]): Mark[] {
  return marks.filter((mark) => mark.frame === frame);
}

function valueOf(mark: Mark): unknown {
  return 'value' in mark ? mark.value : undefined;
}

function say(mark: Mark | undefined): string {
  if (!mark) return 'nothing';
  return mark.kind === 'next' || mark.kind === 'error' ? `${mark.kind} ${show(valueOf(mark))}` : mark.kind;
}

function toRow(label: string, marks: readonly Mark[], values: MarbleValues): Row {
  const cells = new Map<number, string>();
  for (const mark of marks) cells.set(mark.frame, (cells.get(mark.frame) ?? '') + letterOf(mark, values));
  for (const [frame, text] of cells) if (lengthOf(text) > 1) cells.set(frame, `(${text})`);
  const start = marks.find(({ kind }) => kind === 'subscribe');
  const end = marks.find(({ kind }) => kind === 'complete' || kind === 'error' || kind === 'unsubscribe');
  return { label, cells, starts: start?.frame ?? 0, ends: end?.frame ?? Infinity };
}

function letterOf(mark: Mark, values: MarbleValues): string {
  if (mark.kind !== 'next') return { error: '#', complete: '|', subscribe: '^', unsubscribe: '!' }[mark.kind];
  const letter = Object.keys(values).find((key) => differences(mark.value, values[key]).length === 0);
  return letter ?? (typeof mark.value === 'string' && lengthOf(mark.value) === 1 ? mark.value : '?');
}

/**
 * Draws the rows. Each frame with an event is a column as wide as its widest cell; the time between
 * is drawn as dashes, or as a number if it is long.
 */
function draw(rows: readonly Row[]): string[] {
  const frames = [...new Set([0, ...rows.flatMap(({ cells }) => [...cells.keys()])])].sort((a, b) => a - b);
  const margin = Math.max(...rows.map(({ label }) => label.length)) + 4;
  const lines = rows.map(({ label }) => `  ${label}`.padEnd(margin));
  const columns = new Map<number, number>();

  frames.forEach((frame, index) => {
    const width = Math.max(...rows.map(({ cells }) => lengthOf(cells.get(frame) ?? '-')));
    const idle = (frames[index + 1] ?? frame + 1) - frame - 1;
    const gap = idle > 20 ? ` ${idle}ms ` : '-'.repeat(idle);
    columns.set(frame, lines[0]?.length ?? margin);
    rows.forEach(({ cells, starts, ends }, number) => {
      const runs = frame >= starts && frame < ends;
      const cell = cells.get(frame) ?? (runs ? '-' : ' ');
      lines[number] =
        (lines[number] ?? '') + cell + (runs ? '-' : ' ').repeat(width - lengthOf(cell)) + (runs ? gap : ' '.repeat(gap.length));
    });
  });
  const wrong = rows.filter(({ label }) => label === '').flatMap(({ cells }) => [...cells.keys()]);
  return [drawAxis(columns, [...wrong, ...frames]), ...lines].map((line) => line.trimEnd());
}

/** Draws the times of the columns for which there is room; earlier `frames` take precedence. */
function drawAxis(columns: ReadonlyMap<number, number>, frames: readonly number[]): string {
  return [...new Set(frames)].reduce((axis, frame) => {
    const [column, text] = [columns.get(frame) ?? 0, String(frame)];
    const free = axis.slice(column - 1, column + text.length + 1).trim() === '';
    return free ? axis.slice(0, column).padEnd(column) + text + axis.slice(column + text.length) : axis;
  }, '  ms');
}

/** Returns the number of code points, which RxJS counts as letters. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}
