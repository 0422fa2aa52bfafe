/**
 * Returns the index of a percentile among sorted values, by the nearest rank: the lowest value that
 * is not below this share of the values. It is always the index of one of the values.
 *
 * @param share From 0 to 1.
 * @param count The number of values, at least 1.
 */
export function nearestRank(share: number, count: number): number {
  return Math.max(0, Math.ceil(share * count) - 1);
}
