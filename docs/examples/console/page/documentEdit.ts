/** One place of a text that has changed: there, so many characters gave way to others. */
export interface Edit {
  readonly at: number;
  readonly removed: number;
  readonly inserted: string;
}

const isHigh = (text: string, index: number): boolean => /[\ud800-\udbff]/.test(text.charAt(index));
const isLow = (text: string, index: number): boolean => /[\udc00-\udfff]/.test(text.charAt(index));

/**
 * The smallest edit that leads from one text to another. Where there are several, such as an `a` more among others, the one that the caret
 * is behind: it is where the others should see it.
 *
 * @param caret Where the caret is after the edit.
 */
export function editOf(before: string, after: string, caret = after.length): Edit {
  const shorter = Math.min(before.length, after.length);
  const last = Math.min(shorter, after.length - caret);
  let suffix = 0;
  while (suffix < last && before.charAt(before.length - 1 - suffix) === after.charAt(after.length - 1 - suffix)) suffix++;
  let prefix = 0;
  while (prefix < shorter - suffix && before.charAt(prefix) === after.charAt(prefix)) prefix++;
  // It may not end at the caret: a text that was replaced may have more in common.
  while (suffix < shorter - prefix && before.charAt(before.length - 1 - suffix) === after.charAt(after.length - 1 - suffix)) suffix++;
  // Half a character is none: two halves that meet again may be of different people.
  if (isHigh(before, prefix - 1) && (isLow(before, prefix) || isLow(after, prefix))) prefix--;
  if (isLow(before, before.length - suffix) && (isHigh(before, before.length - suffix - 1) || isHigh(after, after.length - suffix - 1)))
    suffix--;
  return { at: prefix, removed: before.length - prefix - suffix, inserted: after.slice(prefix, after.length - suffix) };
}

/** Where a place of a text is when the text has changed; what stands right before an insertion stays before it. */
export function shiftBy({ at, removed, inserted }: Edit, place: number): number {
  if (place <= at) return place;
  return place >= at + removed ? place + inserted.length - removed : at;
}
