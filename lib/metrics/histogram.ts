import { LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js';

/** The distribution of values. Without values, all fields but `count` and `sum` are 0. */
export interface HistogramSnapshot {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Percentiles are exact to 1 %, and between `min` and `max`. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** The maximum relative error of a percentile. */
const ACCURACY = 0.01;
/**
 * The maximum number of buckets, 8 bytes each: enough for values in a range of 10^17; beyond that
 * the lowest share a bucket.
 */
const MAX_BUCKETS = 2_048;

/**
 * Integers below this are counted in an array: most sizes and durations are such, and there is one
 * for each message.
 */
const MAX_EXACT = 1_024;

/**
 * Creates a histogram whose buckets grow with the values: https://arxiv.org/abs/1908.10693
 * (DDSketch). Its size is bounded.
 */
export function createHistogram() {
  const sketch = new LogCollapsingLowestDenseDDSketch({ relativeAccuracy: ACCURACY, binLimit: MAX_BUCKETS });
  // A bucket has one value for all of its values: for those at the ends, it may be outside of what
  // was recorded.
  const percentile = (share: number): number => Math.min(sketch.max, Math.max(sketch.min, sketch.getValueAtQuantile(share)));
  const exact = new Float64Array(MAX_EXACT);

  return {
    /** Records a value. NaN and negative values count as 0. */
    record(value: number): void {
      if (value < MAX_EXACT && value >>> 0 === value) exact[value] = (exact[value] ?? 0) + 1;
      else sketch.accept(value > 0 ? value : 0);
    },
    snapshot(): HistogramSnapshot {
      exact.forEach((count, value) => count > 0 && sketch.accept(value, count));
      exact.fill(0);
      const { count, sum, min, max } = sketch;
      if (count === 0) return { count, sum, min: 0, max: 0, mean: 0, p50: 0, p95: 0, p99: 0 };
      return { count, sum, min, max, mean: sum / count, p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99) };
    },
  };
}
