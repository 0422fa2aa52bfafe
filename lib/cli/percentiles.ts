export interface Percentiles {
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Returns percentiles of some times, of which there must be one at least, rounded to 0.01. */
export function percentiles(times: readonly number[]): Percentiles {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => {
    const time = sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? sorted[0] ?? 0;
    return Math.round(time * 100) / 100;
  };
  return { min: at(0), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** Returns a monotonic time in ms, with its fractions. */
export function preciseNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
