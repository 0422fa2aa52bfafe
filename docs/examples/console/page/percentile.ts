/**
 * Returns a percentile by the nearest rank.
 *
 * @param sorted Values in ascending order, at least one.
 * @param percent From 0 to 100.
 */
export function percentile(sorted: readonly number[], percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  return sorted[rank - 1] ?? NaN;
}

/** Returns the top of an axis: the next of 5, 10, 20, 50, 100 … that is not below the value. Less than 5 is noise, and should not look like a mountain. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(5, value)));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= Math.max(5, value)) ?? value;
}
