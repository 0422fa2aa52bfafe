import { differences, show } from './marbleDifference.js';
import type { MarbleDiagram, MarbleEvent, MarbleLine, MarbleValues } from './marbleSpec.js';

export const WIDTH = 800;
export const PADDING = 24;
export const RADIUS = 14;
export const FONT = 13;
export const SMALL = 11;
export const LEVEL = 2 * RADIUS + 4;
export const PART_RADIUS = 9;
/** The maximum length of a label, of that of a part of it, and the maximum number of parts. */
const MAX_TEXT = 14;
const MAX_PART_TEXT = 6;
const MAX_PARTS = 6;

export interface Label {
  readonly text: string;
  readonly parts: readonly Label[];
}

/** Returns the label of a value: a text, a label for each element, a letter, or a short form. */
export function labelOf(value: unknown, values: MarbleValues): Label {
  if (Array.isArray(value)) return { text: '', parts: several(value, values) };
  if (typeof value !== 'object' || value === null) return { text: shorten(String(value), MAX_TEXT), parts: [] };
  const { key, items } = value as { key?: unknown; items?: unknown };
  if (Array.isArray(items)) return { text: key === undefined ? '' : nameOf(labelOf(key, values)), parts: several(items, values) };
  return { text: letterOf(value, values) ?? shorten(show(value).replaceAll(/[{}"]/g, '').trim(), MAX_TEXT), parts: [] };
}

export function letterOf(value: object, values: MarbleValues): string | undefined {
  const letters = Object.keys(values);
  return letters.find((letter) => values[letter] === value) ?? letters.find((letter) => differences(value, values[letter]).length === 0);
}

/** Returns the key of a label, which selects its colour: equal labels have the same key. */
function nameOf({ text, parts }: Label): string {
  return parts.length === 0 ? text : `${text}[${parts.map(nameOf).join(' ')}]`;
}

function several(values: readonly unknown[], meanings: MarbleValues): Label[] {
  const labels = values.slice(0, MAX_PARTS).map((value) => ({ text: shorten(nameOf(labelOf(value, meanings)), MAX_PART_TEXT), parts: [] }));
  return values.length > MAX_PARTS ? [...labels, { text: '…', parts: [] }] : labels;
}

/** A positioned marble: `at` is its time, `x` its centre. Above level 0 it hangs below the line. */
export interface Placed {
  readonly event: MarbleEvent;
  readonly label: Label;
  readonly at: number;
  readonly x: number;
  readonly width: number;
  readonly level: number;
}

export type Axis = ReturnType<typeof axisOf>;

/** The width of the arrow of a stream that continues. */
const ARROW = 24;
export const MAX_NAME = 16;

/** Returns the position at which the names of the streams end. */
export function marginOf(diagrams: readonly MarbleDiagram[]): number {
  const names = diagrams.flatMap(({ lines }) => lines.map(({ name }) => textWidth(shorten(name, MAX_NAME), FONT)));
  return PADDING + Math.max(0, ...names) + 14;
}

/** Returns the axis of a diagram, which is as wide as the picture, whatever its time. */
export function axisOf({ lines, end }: MarbleDiagram, left: number) {
  const right = WIDTH - PADDING;
  const scale = (right - ARROW - RADIUS - left) / Math.max(end, 1);
  const until = lines.find(({ role }) => role === 'result')?.windows[0]?.to ?? Infinity;
  return { left, right, scale, end, until, xOf: (frame: number): number => left + RADIUS + frame * scale };
}

/** Positions each marble at its time; below the line if it would cover an earlier marble. */
export function place(line: MarbleLine, values: MarbleValues, { left, right, xOf }: Axis): Placed[] {
  const ends: number[] = [];
  let last: Placed | undefined;
  return line.events
    .filter(({ frame, kind }) => frame >= 0 && kind !== 'complete')
    .map((event) => {
      const label: Label = event.kind === 'error' ? { text: '', parts: [] } : labelOf(event.value, values);
      const width = event.kind === 'error' ? 2 * RADIUS - 6 : labelWidth(label);
      const at = xOf(event.frame);
      const x = Math.max(left + width / 2, Math.min(at, right - width / 2));
      // Simultaneous values are stacked downwards from the line.
      let level = last?.event.frame === event.frame ? last.level + 1 : 0;
      while ((ends[level] ?? -Infinity) > x - width / 2 - 2) level++;
      ends[level] = x + width / 2;
      last = { event, label, at, x, width, level };
      return last;
    });
}

/** Returns the width of a marble: a circle, or a pill for a longer label. */
function labelWidth(label: Label): number {
  if (label.parts.length === 0) return Math.max(2 * RADIUS, textWidth(label.text, FONT) + 14);
  const text = label.text ? textWidth(label.text, SMALL) + 8 : 0;
  return text + label.parts.reduce((sum, part) => sum + partWidth(part) + 3, 0) + 7;
}

/** Returns the width of a label within another, which is smaller and shows only its text. */
export function partWidth(part: Label): number {
  return Math.max(2 * PART_RADIUS, textWidth(part.text, SMALL) + 8);
}

/** Returns the step between ticks: 1, 2 or 5 times a power of ten, and at least `room` wide. */
export function tickStep(scale: number, room: number): number {
  const least = room / scale;
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? power * 10;
}

/** The estimated width of a character, relative to the font size: systems have different fonts. */
const CHARACTER_WIDTH = 0.62;

/** Escapes text for an element or an attribute; replaces characters that XML forbids by U+FFFD. */
export function escape(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\u{FFFD}')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Estimates the width of a text. Ideographs and emoji are wide, and count twice. */
export function textWidth(text: string, size: number): number {
  const isWide = (character: string): boolean => (character.codePointAt(0) ?? 0) > 0x4ff && !'…–—’“”→×−'.includes(character);
  return Array.from(text).reduce((units, character) => units + (isWide(character) ? 2 : 1), 0) * size * CHARACTER_WIDTH;
}

/** Shortens a text to `limit` characters, with an ellipsis at the end. */
export function shorten(text: string, limit: number): string {
  const characters = Array.from(text);
  return characters.length > limit ? `${characters.slice(0, limit - 1).join('')}…` : text;
}

/** Breaks a text into lines at spaces; breaks words that are longer than a line. */
export function wrap(text: string, fits: (line: string) => boolean): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && fits(longer)) lines[lines.length - 1] = longer;
    else lines.push(...chop(word, fits));
  }
  return lines;
}

function chop(word: string, fits: (line: string) => boolean): string[] {
  const pieces = [''];
  for (const character of word) {
    const longer = `${pieces.at(-1)}${character}`;
    if (fits(longer) || longer === character) pieces[pieces.length - 1] = longer;
    else pieces.push(character);
  }
  return pieces;
}

/** Rounds a coordinate to a tenth, so that the output is always the same. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Returns an SVG element; omits attributes that are `undefined`. */
export function element(name: string, attributes: Readonly<Record<string, string | number | undefined>>, content = ''): string {
  const given = Object.entries(attributes).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  const text = given.map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escape(value)}"`).join('');
  return content ? `<${name}${text}>${content}</${name}>` : `<${name}${text}/>`;
}
