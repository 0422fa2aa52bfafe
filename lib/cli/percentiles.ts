/** Returns the value below which this share of some sorted values is, by the nearest rank. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

export type Percentiles = ReturnType<typeof percentiles>;

/** Returns percentiles of some times, of which there must be one at least, rounded to 0.01. */
export function percentiles(times: readonly number[]) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(percentile(sorted, share) * 100) / 100;
  return { min: at(0), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** Returns a monotonic time in ms, with its fractions. */
export function preciseNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
