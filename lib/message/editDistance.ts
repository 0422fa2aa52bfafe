/**
 * Returns the number of characters to add, remove or replace, or of neighbours to swap, that turn
 * one text into the other: the optimal string alignment distance. Takes time by the product of
 * their lengths.
 */
export function editDistance(from: string, to: string): number {
  let previous: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let index = 0; index < from.length; index++) {
    const next = [index + 1];
    for (let at = 1; at <= to.length; at++) {
      const isSame = from[index] === to[at - 1];
      const isSwap = at > 1 && from[index] === to[at - 2] && from[index - 1] === to[at - 1];
      const replaced = (row[at - 1] as number) + (isSame ? 0 : 1);
      const swapped = isSwap ? (previous[at - 2] as number) + 1 : Infinity;
      next.push(Math.min(replaced, swapped, (row[at] as number) + 1, (next[at - 1] as number) + 1));
    }
    previous = row;
    row = next;
  }
  return row[to.length] as number;
}
