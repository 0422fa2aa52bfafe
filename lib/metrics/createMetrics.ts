import { asyncScheduler, interval, map, type Observable, type SchedulerLike } from 'rxjs';
import type { MetricsSink, TimedWork } from '../app/metrics/metricsSink.js';
import { assertPositive } from '../internal/assert.js';
import { createLabels } from '../internal/labels.js';
import { createHistogram } from './histogram.js';
import type { MessageCounts, MetricsSnapshot, NamedCounts } from './snapshot.js';

export interface MetricsOptions {
  /** Names that are counted apart, of types and of codes each; all further ones are `other`. @default 200 */
  readonly maxNames?: number;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/** Counters and histograms in memory. */
export interface Metrics extends MetricsSink {
  /** What was counted up to now. */
  snapshot(): MetricsSnapshot;
  /** A snapshot each `period` ms, while somebody is subscribed. @throws {RangeError} At call time, if `period` is not positive. */
  snapshots(period?: number): Observable<MetricsSnapshot>;
  /** Begins at zero. */
  reset(): void;
}

/**
 * Makes metrics, for `meter` and `meterWire` to write to. Needs the package `@datadog/sketches-js`.
 *
 * They take some 100 KiB, whatever is counted: the first `maxNames` types have a counter each, all others share one; histograms have a bounded
 * number of buckets, whose percentiles are exact to 1 %.
 *
 * @throws {RangeError} At call time, if `maxNames` is not positive.
 * @example
 * const metrics = createMetrics();
 * wire.pipe(meter(metrics)).subscribe(draw);
 * metrics.snapshots(10_000).subscribe(({ received }) => console.log(received.total, received.size.p95));
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const { maxNames = 200, scheduler = asyncScheduler } = options;
  assertPositive('createMetrics', { maxNames });

  let since: number;
  let tallies: ReturnType<typeof createTallies>;
  const reset = (): void => {
    since = scheduler.now();
    tallies = createTallies(maxNames);
  };
  reset();
  const snapshot = (): MetricsSnapshot => {
    const { sent, received, errors, drops, times } = tallies;
    const [ack, queue, reconnect] = [times.ack.snapshot(), times.queue.snapshot(), times.reconnect.snapshot()];
    return {
      ...{ since, at: scheduler.now(), sent: sent.snapshot(), received: received.snapshot() },
      ...{ errors: errors.snapshot(), drops: drops.snapshot(), times: { ack, queue, reconnect } },
    };
  };

  return {
    message: (direction, type, size) => tallies[direction].add(type, size),
    error: (code) => tallies.errors.add(code),
    drop: (reason) => tallies.drops.add(reason),
    time: (work, duration) => tallies.times[work].record(duration),
    snapshot,
    snapshots(period = 10_000) {
      assertPositive('snapshots', { period });
      return interval(period, scheduler).pipe(map(snapshot));
    },
    reset,
  };
}

function createTallies(maxNames: number) {
  const times: Readonly<Record<TimedWork, ReturnType<typeof createHistogram>>> = {
    ack: createHistogram(),
    queue: createHistogram(),
    reconnect: createHistogram(),
  };
  return {
    times,
    sent: messageTally(maxNames),
    received: messageTally(maxNames),
    errors: nameTally(maxNames),
    drops: nameTally(maxNames),
  };
}

function nameTally(maxNames: number) {
  const counters: { readonly name: string; count: number }[] = [];
  const counterOf = createLabels(maxNames, (name) => {
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
      for (const { name, count } of counters) byName[name] = (byName[name] ?? 0) + count; // a type may be called `other`, too
      return { total: counters.reduce((sum, { count }) => sum + count, 0), byName };
    },
  };
}

function messageTally(maxNames: number) {
  const names = nameTally(maxNames);
  const sizes = createHistogram();
  return {
    add: (type: string, size: number): void => {
      names.add(type);
      sizes.record(size);
    },
    snapshot: (): MessageCounts => ({ ...names.snapshot(), size: sizes.snapshot() }),
  };
}
