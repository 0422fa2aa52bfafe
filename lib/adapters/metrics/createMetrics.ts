import { LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js';
import { interval, map, type Observable, type SchedulerLike } from 'rxjs';
import { assertPositive, checkOptions } from '../../message/development.js';
import { nearestRank } from '../../operators/metrics/nearestRank.js';
import { byWork, type MetricsSink, type TimedWork } from '../../operators/metrics/metricsSink.js';
import { createBoundedLabels } from '../../operators/metrics/boundedLabels.js';
import { steadyScheduler, wallTime } from '../../message/steadyScheduler.js';

/** Counts by name. */
export interface NamedCounts {
  readonly total: number;
  /** Without a prototype. Names after the first `maxNames` are counted in `other`. */
  readonly byName: Readonly<Record<string, number>>;
}

/** Errors, by code. */
export interface ErrorCounts extends NamedCounts {
  /** The errors about one message, by the type of the message. Without a prototype. */
  readonly byType: Readonly<Record<string, number>>;
}

/** Messages of one direction, by type. */
export interface MessageCounts extends NamedCounts {
  /** In bytes. */
  readonly size: HistogramSnapshot;
}

/** All values from `since` to `at`. */
export interface MetricsSnapshot {
  /** The start of counting, in ms since the epoch. */
  readonly since: number;
  readonly at: number;
  readonly sent: MessageCounts;
  readonly received: MessageCounts;
  /** By code, and by the type of the message. */
  readonly errors: ErrorCounts;
  /** By reason. */
  readonly drops: NamedCounts;
  /** In ms. */
  readonly times: Readonly<Record<TimedWork, HistogramSnapshot>>;
}

export interface MetricsOptions {
  /** The maximum number of counters by type, and by code; `other` has the rest. @default 200 */
  readonly maxNames?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/** Counters and histograms in memory. */
export interface Metrics extends MetricsSink {
  /** Returns the current values. */
  snapshot(): MetricsSnapshot;
  /**
   * Emits a snapshot each `period` ms.
   * @throws {RangeError} At call time, if `period` is not positive.
   */
  snapshots(period?: number): Observable<MetricsSnapshot>;
  /** Sets all values to zero. */
  reset(): void;
}

/**
 * Creates metrics for `meter` and `meterWire`. Needs the package `@datadog/sketches-js`.
 *
 * They take some 100 KiB in every case: the first `maxNames` types have a counter each, all others
 * share one; histograms have a bounded number of buckets, and percentiles that are exact to 1 %.
 *
 * @throws {RangeError} At call time, if `maxNames` is not positive.
 * @example
 * import { connect, meter, webSocket } from 'rxwire';
 * import { createMetrics } from 'rxwire/metrics';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const metrics = createMetrics();
 * wire.pipe(meter(metrics)).subscribe(console.log);
 * metrics
 *   .snapshots(10_000)
 *   .subscribe(({ received }) => console.log(received.total, received.size.p95));
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  checkOptions('createMetrics', options);
  const { maxNames = 200, scheduler = steadyScheduler() } = options;
  assertPositive('createMetrics', { maxNames });

  let since: number;
  let start: number;
  let current: ReturnType<typeof createCounters>;
  const reset = (): void => {
    since = wallTime(scheduler);
    start = scheduler.now();
    current = createCounters(maxNames);
  };
  reset();
  const snapshot = (): MetricsSnapshot => {
    const { sent, received, errors, errorTypes, drops, times } = current;
    return {
      since,
      // Not the date: the difference is a duration.
      at: since + scheduler.now() - start,
      sent: sent.snapshot(),
      received: received.snapshot(),
      errors: { ...errors.snapshot(), byType: errorTypes.snapshot().byName },
      drops: drops.snapshot(),
      times: byWork((work) => times[work].snapshot()),
    };
  };

  return {
    message: (direction, type, size) => current[direction].add(type, size),
    error(code, type) {
      current.errors.add(code);
      if (type !== undefined) current.errorTypes.add(type);
    },
    drop: (reason) => current.drops.add(reason),
    time: (work, duration) => current.times[work].record(duration),
    snapshot,
    snapshots(period = 10_000) {
      assertPositive('snapshots', { period });
      return interval(period, scheduler).pipe(map(snapshot));
    },
    reset,
  };
}

function createCounters(maxNames: number) {
  return {
    times: byWork(createHistogram),
    sent: createMessageCounter(maxNames),
    received: createMessageCounter(maxNames),
    errors: createNameCounter(maxNames),
    errorTypes: createNameCounter(maxNames),
    drops: createNameCounter(maxNames),
  };
}

function createNameCounter(maxNames: number) {
  const counters: { readonly name: string; count: number }[] = [];
  const counterOf = createBoundedLabels(maxNames, (name) => {
    const counter = { name, count: 0 };
    counters.push(counter);
    return counter;
  });
  return {
    add: (name: string): void => {
      counterOf(name).count++;
    },
    snapshot: (): NamedCounts => {
      const byName = Object.create(null) as Record<string, number>;
      for (const { name, count } of counters) byName[name] = (byName[name] ?? 0) + count; // a type may also be named `other`
      return { total: counters.reduce((sum, { count }) => sum + count, 0), byName };
    },
  };
}

function createMessageCounter(maxNames: number) {
  const names = createNameCounter(maxNames);
  const sizes = createHistogram();
  return {
    add: (type: string, size: number): void => {
      names.add(type);
      sizes.record(size);
    },
    snapshot: (): MessageCounts => ({ ...names.snapshot(), size: sizes.snapshot() }),
  };
}

/** The distribution of values. Without values, all fields but `count` and `sum` are 0. */
export interface HistogramSnapshot {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Percentiles by the nearest rank, exact to 1 %, between `min` and `max`. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

const ACCURACY = 0.01;
/** The maximum number of buckets, 8 bytes each: enough for values in a range of 10^17. */
const MAX_BUCKETS = 2_048;

/** Integers below this, as most sizes and durations are, are counted in an array. */
const MAX_EXACT = 1_024;

/** Creates a histogram of bounded size: DDSketch, https://arxiv.org/abs/1908.10693. */
function createHistogram() {
  const sketch = new LogCollapsingLowestDenseDDSketch({ relativeAccuracy: ACCURACY, binLimit: MAX_BUCKETS });
  // A bucket has one value, which for those at the ends may be outside of what was recorded.
  const percentile = (share: number): number => {
    const { count, min, max } = sketch;
    const index = nearestRank(share, count);
    // The sketch multiplies by `count - 1`, and rounds down.
    return index === count - 1 ? max : Math.min(max, Math.max(min, sketch.getValueAtQuantile((index + 0.5) / (count - 1))));
  };
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
