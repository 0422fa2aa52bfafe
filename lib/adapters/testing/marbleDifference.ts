import { literalOf } from './literalOf.js';
import { kindOf, tagOf } from './objectKind.js';
import type { MarbleEvent, MarbleValues, MarbleWindow } from './marbleSpec.js';

export interface Comparison {
  readonly name: string;
  readonly expected: readonly Mark[];
  readonly actual: readonly Mark[];
}

/** A notification, or an end of a subscription's window. */
type Mark = MarbleEvent | { readonly frame: number; readonly kind: 'subscribe' | 'unsubscribe' };

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
 * Draws the lines that differ on one time axis, and describes their differences, if any. A value
 * without a letter gets one, and is written as JavaScript.
 *
 * @param taken The letters that have a meaning.
 */
export function explain(comparisons: readonly Comparison[], values: MarbleValues, taken: string): string | undefined {
  const failed = comparisons.map((comparison) => ({ ...comparison, wrong: wrongFrames(comparison) })).filter(({ wrong }) => wrong.size > 0);
  if (failed.length === 0) return undefined;

  // A pipeline that differs for ever would fill the screen.
  const until = Math.max(...failed.map(({ wrong }) => [...wrong.keys()][MAX_REASONS] ?? Infinity));
  const shown = (marks: readonly Mark[]) => marks.filter(({ frame }) => frame <= until);
  const letters = createLetters(values, taken);
  const rows = failed.flatMap(({ name, expected, actual, wrong }) => [
    toRow(`${name} expected`, shown(expected), letters.of),
    toRow(`${name} actual`, shown(actual), letters.of),
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
  return [...draw(rows), '', ...reasons.slice(0, MAX_REASONS), ...more, ...letters.added()].join('\n');
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

function toRow(label: string, marks: readonly Mark[], letterOf: (value: unknown) => string): Row {
  const cells = new Map<number, string>();
  for (const mark of marks)
    cells.set(mark.frame, (cells.get(mark.frame) ?? '') + (mark.kind === 'next' ? letterOf(valueOf(mark)) : SIGNS[mark.kind]));
  for (const [frame, text] of cells) if (lengthOf(text) > 1) cells.set(frame, `(${text})`);
  const start = marks.find(({ kind }) => kind === 'subscribe');
  const end = marks.find(({ kind }) => kind === 'complete' || kind === 'error' || kind === 'unsubscribe');
  return { label, cells, starts: start?.frame ?? 0, ends: end?.frame ?? Infinity };
}

const SIGNS = { error: '#', complete: '|', subscribe: '^', unsubscribe: '!' } as const;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Creates the letters of values: those of `values`, and new ones for values without a letter. */
function createLetters(values: MarbleValues, taken: string) {
  const free = Array.from(LETTERS).filter((letter) => !taken.includes(letter) && !(letter in values));
  const added = new Map<string, unknown>();
  const keyIn = (entries: Iterable<readonly [string, unknown]>, value: unknown): string | undefined =>
    [...entries].find(([, known]) => Object.is(known, value) || differences(value, known).length === 0)?.[0];

  return {
    of: (value: unknown): string => {
      const known = keyIn(Object.entries(values), value) ?? keyIn(added, value);
      if (known !== undefined) return known;
      if (typeof value === 'string' && lengthOf(value) === 1 && !(value in values)) return value;
      const letter = free.shift();
      if (letter !== undefined) added.set(letter, value);
      return letter ?? '?';
    },
    /** Returns the lines to copy. */
    added: (): readonly string[] =>
      added.size === 0 ? [] : ['', '  values without a letter, to copy into "values":', ...[...added].map(literalLine)],
  };
}

/** A value that JavaScript cannot write in one expression becomes a comment. */
function literalLine([letter, value]: readonly [string, unknown]): string {
  const text = literalOf(value);
  return text === undefined ? `    // ${letter}: ${show(value)}` : `    ${letter}: ${text},`;
}

/** Draws the rows. A frame is a column as wide as its widest cell; long times are numbers. */
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

/** An asymmetric matcher of jest, vitest and jasmine, as `expect.any(…)`. */
interface Matcher {
  asymmetricMatch(actual: unknown): boolean;
  toAsymmetricMatcher?(): string;
}

/** Returns a value as text for a message: on one line, at most `limit` characters. */
export function show(value: unknown, limit = 120): string {
  const text = inspect(value, 4);
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

/** Two objects whose parts are being compared: the same pair inside them is a cycle. */
type Pair = readonly [actual: object, expected: object];

/**
 * Returns the differences of two values, as `path: expected …, got …`. `expected` may contain
 * matchers as jest's `expect.any(…)`.
 */
export function differences(actual: unknown, expected: unknown, path = '', open: readonly Pair[] = []): string[] {
  if (isMatcher(expected) ? expected.asymmetricMatch(actual) : Object.is(actual, expected)) return [];
  const different = [`${path ? `${path}: ` : ''}expected ${show(expected)}, got ${show(actual)}`];
  if (!isObject(actual) || !isObject(expected) || isMatcher(expected) || kindOf(actual) !== kindOf(expected)) return different;
  if (open.some(([one, other]) => one === actual && other === expected)) return [];

  const [mine, theirs] = [partsOf(actual), partsOf(expected)];
  if (!mine || !theirs) return different;
  return [...new Set([...theirs.keys(), ...mine.keys()])].flatMap((key) => {
    const inner = pathTo(key, path);
    if (!mine.has(key)) return [`${inner}: expected ${show(theirs.get(key))}, got nothing`];
    if (!theirs.has(key)) return [`${inner}: expected nothing, got ${show(mine.get(key))}`];
    return differences(mine.get(key), theirs.get(key), inner, [...open, [actual, expected]]);
  });
}

function pathTo(key: unknown, path: string): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  const name = typeof key === 'string' ? key : show(key);
  return path ? `${path}.${name}` : name;
}

/** Returns the elements, entries or own properties of an object; undefined for an opaque one. */
function partsOf(value: object): Map<unknown, unknown> | undefined {
  if (ArrayBuffer.isView(value)) return indexed([...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]);
  if (Array.isArray(value)) return indexed(value);
  const tag = tagOf(value);
  if (tag === 'ArrayBuffer') return indexed([...new Uint8Array(value as ArrayBuffer)]);
  if (tag === 'Map') return new Map(value as Map<unknown, unknown>);
  if (tag === 'Set') return new Map([...(value as Set<unknown>)].map((item) => [item, item]));
  if (tag === 'Date') return new Map([['time', Number(value)]]);
  if (tag === 'RegExp') return new Map([['pattern', (value as RegExp).toString()]]);

  const hidden = tag === 'Error' ? ['name', 'message', 'cause', 'errors'].filter((key) => key in value) : [];
  const own = Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
  if (own.length + hidden.length === 0 && kindOf(value) !== 'Object') return undefined;
  return new Map([...hidden, ...own].map((key) => [key, (value as Record<PropertyKey, unknown>)[key]]));
}

function indexed(items: readonly unknown[]): Map<unknown, unknown> {
  return new Map(items.map((item, index) => [index, item]));
}

function inspect(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return value.name ? `function ${value.name}` : 'a function';
  if (!isObject(value)) return String(value);
  if (isMatcher(value)) return value.toAsymmetricMatcher?.() ?? 'a matcher';
  const [kind, tag, inner] = [kindOf(value), tagOf(value), partsOf(value)];
  if (tag === 'Error') return `${(value as Error).name}(${JSON.stringify((value as Error).message)})`;
  if (tag === 'Date' || tag === 'RegExp') return `${kind}(${String(inner?.values().next().value)})`;
  if (!inner) return `a ${kind}`;
  if (depth === 0) return '…';

  const items = [...inner].map(([key, item]) => [typeof key === 'string' ? key : inspect(key, 1), inspect(item, depth - 1)] as const);
  if (Array.isArray(value) || ArrayBuffer.isView(value) || tag === 'Set') return `[${items.map(([, item]) => item).join(', ')}]`;
  const name = kind === 'Object' || kind === 'Map' ? '' : `${kind} `;
  return items.length === 0 ? `${name}{}` : `${name}{ ${items.map(([key, item]) => `${key}: ${item}`).join(', ')} }`;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isMatcher(value: unknown): value is Matcher {
  return isObject(value) && 'asymmetricMatch' in value && typeof value.asymmetricMatch === 'function';
}
