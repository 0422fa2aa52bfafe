/** All names of options, as a Record, so that the compiler reports a name that is missing. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/**
 * Rejects options with other names: a misspelt option would have no effect.
 *
 * @throws {TypeError} Names the unknown option, and the known one that is most similar.
 */
export function assertKnown(owner: string, options: object, names: object): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    const nearest = nearestOf(name, Object.keys(names));
    throw new TypeError(`${owner}: unknown option "${name}"${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`);
  }
}

export function onlyKnown<T extends object>(options: object, names: OptionNames<T>): T {
  return Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(names, name))) as T;
}

/** Returns the most similar name; undefined if more than a third of its characters differ. */
function nearestOf(name: string, names: readonly string[]): string | undefined {
  let best: { readonly known: string; readonly distance: number } | undefined;
  for (const known of names) {
    const distance = distanceOf(name.toLowerCase(), known.toLowerCase());
    if (distance <= Math.max(2, known.length / 3) && !(best && best.distance <= distance)) best = { known, distance };
  }
  return best?.known;
}

/**
 * Returns the number of characters that must be added, removed or replaced: the Levenshtein
 * distance.
 */
function distanceOf(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let index = 0; index < from.length; index++) {
    const next = [index + 1];
    for (let at = 1; at <= to.length; at++) {
      const replaced = (row[at - 1] as number) + (from[index] === to[at - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[at] as number) + 1, (next[at - 1] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
