import { LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js';
import type { HistogramSnapshot } from './snapshot.js';

/** How far a percentile may be off, as a share of it. */
const ACCURACY = 0.01;
/** Buckets at most, 8 bytes each: enough for values that differ 10^17-fold; beyond that the lowest share one. */
const MAX_BUCKETS = 2_048;

/** Whole numbers below this are counted as they are: bytes and ms are mostly such, and there is one of them for each message. */
const MAX_COUNTED = 1_024;

/** Values in buckets that grow with them: https://arxiv.org/abs/1908.10693 (DDSketch). Bounded, whatever the values. */
export interface Histogram {
  /** A value that is no number, or below zero, counts as 0. */
  record(value: number): void;
  snapshot(): HistogramSnapshot;
}

export function createHistogram(): Histogram {
  const sketch = new LogCollapsingLowestDenseDDSketch({ relativeAccuracy: ACCURACY, binLimit: MAX_BUCKETS });
  const percentile = (share: number): number => (sketch.count > 0 ? sketch.getValueAtQuantile(share) : 0);

  const counted = new Float64Array(MAX_COUNTED);
  let isCounted = false;
  const addCounted = (): void => {
    if (isCounted) counted.forEach((count, value) => count > 0 && sketch.accept(value, count));
    counted.fill(0);
    isCounted = false;
  };

  return {
    record(value) {
      if (value < MAX_COUNTED && value >>> 0 === value) {
        counted[value] = (counted[value] ?? 0) + 1;
        isCounted = true;
      } else {
        sketch.accept(value > 0 ? value : 0);
      }
    },
    snapshot() {
      addCounted();
      const { count, sum, min, max } = sketch;
      const seen = count > 0;
      return {
        ...{ count, sum, min: seen ? min : 0, max: seen ? max : 0, mean: seen ? sum / count : 0 },
        ...{ p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99) },
      };
    },
  };
}
