import { LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js';
import type { HistogramSnapshot } from './metricsSnapshot.js';

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
 * A histogram whose buckets grow with the values: https://arxiv.org/abs/1908.10693 (DDSketch). Its
 * size is bounded.
 */
export interface Histogram {
  /** Records a value. NaN and negative values count as 0. */
  record(value: number): void;
  snapshot(): HistogramSnapshot;
}

export function createHistogram(): Histogram {
  const sketch = new LogCollapsingLowestDenseDDSketch({ relativeAccuracy: ACCURACY, binLimit: MAX_BUCKETS });
  // A bucket has one value for all of its values: for those at the ends, it may be outside of what
  // was recorded.
  const percentile = (share: number): number =>
    sketch.count > 0 ? Math.min(sketch.max, Math.max(sketch.min, sketch.getValueAtQuantile(share))) : 0;

  const exact = new Float64Array(MAX_EXACT);
  let hasExact = false;
  const flushExact = (): void => {
    if (hasExact) exact.forEach((count, value) => count > 0 && sketch.accept(value, count));
    exact.fill(0);
    hasExact = false;
  };

  return {
    record(value) {
      if (value < MAX_EXACT && value >>> 0 === value) {
        exact[value] = (exact[value] ?? 0) + 1;
        hasExact = true;
      } else {
        sketch.accept(value > 0 ? value : 0);
      }
    },
    snapshot() {
      flushExact();
      const { count, sum, min, max } = sketch;
      const hasValues = count > 0;
      return {
        count,
        sum,
        min: hasValues ? min : 0,
        max: hasValues ? max : 0,
        mean: hasValues ? sum / count : 0,
        p50: percentile(0.5),
        p95: percentile(0.95),
        p99: percentile(0.99),
      };
    },
  };
}
