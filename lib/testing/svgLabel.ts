import { differences, show } from './marbleDifference.js';
import type { MarbleValues } from './marbleSpec.js';
import { shorten } from './svgText.js';

/** The label of a marble: a text, or marbles within a marble. */
export interface Label {
  readonly text: string;
  readonly parts: readonly Label[];
}

const MAX_TEXT = 14;
const MAX_PART_TEXT = 6;
const MAX_PARTS = 6;

/**
 * Returns the label of a value. A plain value becomes a text; an array, or an object that contains
 * one, a label for each element; any other object its letter in `values`, or a short form.
 */
export function labelOf(value: unknown, values: MarbleValues): Label {
  if (Array.isArray(value)) return { text: '', parts: several(value, values) };
  if (typeof value !== 'object' || value === null) return { text: shorten(String(value), MAX_TEXT), parts: [] };
  const { key, items } = value as { key?: unknown; items?: unknown };
  if (Array.isArray(items)) return { text: key === undefined ? '' : nameOf(labelOf(key, values)), parts: several(items, values) };
  return { text: letterOf(value, values) ?? shorten(show(value).replaceAll(/[{}"]/g, '').trim(), MAX_TEXT), parts: [] };
}

/** Returns the letter of an object. */
export function letterOf(value: object, values: MarbleValues): string | undefined {
  const letters = Object.keys(values);
  return letters.find((letter) => values[letter] === value) ?? letters.find((letter) => differences(value, values[letter]).length === 0);
}

/** Returns the key of a label, which selects its colour: equal labels have the same key. */
export function nameOf({ text, parts }: Label): string {
  return parts.length === 0 ? text : `${text}[${parts.map(nameOf).join(' ')}]`;
}

function several(values: readonly unknown[], meanings: MarbleValues): Label[] {
  const labels = values.slice(0, MAX_PARTS).map((value) => ({ text: shorten(nameOf(labelOf(value, meanings)), MAX_PART_TEXT), parts: [] }));
  return values.length > MAX_PARTS ? [...labels, { text: '…', parts: [] }] : labels;
}
