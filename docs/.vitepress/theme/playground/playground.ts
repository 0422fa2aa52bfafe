import type { Observable } from 'rxjs';
import type { MarbleEvent, MarbleRecording } from 'rxwire/testing';

export type OptionValue = number | boolean | string;
/** The marbles of the lines, by name: `source`, `unsub`, and further inputs of the pipeline. */
export type Lines = Readonly<Record<string, string>>;
export type Options = Readonly<Record<string, OptionValue>>;

/** A file in `pipelines/`. A copied test begins with the text of the file. */
export interface Pipeline {
  readonly lines: Lines;
  /** The functions that the pipeline calls: each is a line of the diagram. */
  readonly outputs?: readonly string[];
  readonly options: Options;
  /** The values of an option that is a text. */
  readonly choices?: Readonly<Record<string, readonly string[]>>;
  readonly pipeline: (options: never) => (source: Observable<string>, context: never) => Observable<unknown>;
}

/** The input of a reader. */
export interface Input {
  readonly lines: Lines;
  readonly options: Options;
}

/** The spec of a run: `source`, `unsub`, the inputs, and the names of the outputs. */
export function specOf({ source = '', unsub, ...inputs }: Lines, outputs: readonly string[] = []) {
  const marbles = Object.fromEntries(outputs.map((name) => [name, '']));
  return { source, ...(unsub !== undefined && { unsub }), inputs, outputs: marbles };
}

/** Returns the input as the query of a link. It names only what differs from the file. */
export function queryOf({ lines, options }: Input, from: Input): string {
  const all = { ...lines, ...options };
  const before: Record<string, OptionValue> = { ...from.lines, ...from.options };
  const changed = Object.entries(all).filter(([name, value]) => value !== before[name]);
  return new URLSearchParams(changed.map(([name, value]) => [name, String(value)])).toString();
}

/** Reads the query of a link. It ignores names and values that the pipeline does not have. */
export function readQuery(query: string, { lines, options, choices }: Pipeline): Input {
  const given = new URLSearchParams(query);
  const read = <T extends OptionValue>(from: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(from).map(([name, value]) => [name, readValue(given.get(name), value, choices?.[name])]));
  return { lines: read(lines), options: read(options) };
}

/** The greatest number, and the longest line. */
export const MAX_NUMBER = 1_000;
export const MAX_LENGTH = 200;

function readValue<T extends OptionValue>(text: string | null, value: T, choices?: readonly string[]): T {
  if (text === null) return value;
  if (typeof value === 'boolean') return (text === 'true') as T;
  if (typeof value === 'number') return /^\d+$/.test(text) ? (Math.min(Number(text), MAX_NUMBER) as T) : value;
  return !choices || choices.includes(text) ? (text.slice(0, MAX_LENGTH) as T) : value;
}

/** The lines of a recording as marbles, with the values of letters that do not stand for themselves. */
export interface Marbles {
  readonly lines: readonly { readonly role: 'source' | 'input' | 'output' | 'result'; readonly name: string; readonly marbles: string }[];
  readonly values: Readonly<Record<string, unknown>>;
  /** Whether the result fails with an error of its own, which is not that of the source. */
  readonly hasError: boolean;
  /** Why marbles cannot express the recording; undefined if they can. */
  readonly fault?: string | undefined;
}

/** Writes a recording as marbles. */
export function marblesOf({ lines }: MarbleRecording, taken: string): Marbles {
  const values: Record<string, unknown> = {};
  const known = new Map<string, string>();
  const free = Array.from('pqrstuvwxyzPQRSTUVWXYZ0123456789').filter((letter) => !taken.includes(letter));
  const letterOf = (value: unknown): string => {
    if (typeof value === 'string' && /^[a-zA-Z0-9]$/.test(value) && !(value in values)) return value;
    const text = JSON.stringify(value);
    const digit = typeof value === 'number' && free.includes(text) ? free.splice(free.indexOf(text), 1)[0] : undefined;
    const letter = known.get(text) ?? digit ?? free.shift() ?? '?';
    known.set(text, letter);
    values[letter] = value;
    return letter;
  };
  let fault: string | undefined;
  const written = lines.map(({ role, name, events }) => {
    const { marbles, late } = writeLine(events, letterOf);
    if (late !== undefined && (role === 'output' || role === 'result'))
      fault ??= `Marbles cannot express this result: "${name}" emits at ${late} ms, and the group of values before takes longer.`;
    return { role, name, marbles };
  });
  const hasError = lines.some(({ events }) => events.some(({ kind, value }) => kind === 'error' && value instanceof Error));
  return { lines: written, values, hasError, fault };
}

/** Writes events as marbles. A group takes 1 ms for each of its characters, so that a later event may come too early for it. */
function writeLine(events: readonly MarbleEvent[], letterOf: (value: unknown) => string) {
  const frames = new Map<number, string>();
  for (const { frame, kind, value } of events) {
    const mark = kind === 'next' ? letterOf(value) : kind === 'error' ? '#' : '|';
    frames.set(frame, (frames.get(frame) ?? '') + mark);
  }
  let marbles = '';
  let now = 0;
  let late: number | undefined;
  for (const [frame, marks] of frames) {
    if (frame < now) late ??= frame;
    const idle = Math.max(frame - now, 0);
    marbles += idle > 40 ? ` ${idle}ms ` : '-'.repeat(idle);
    const group = marks.length > 1 ? `(${marks})` : marks;
    marbles += group;
    now = Math.max(frame, now) + group.length;
  }
  return { marbles, late };
}
