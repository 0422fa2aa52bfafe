import type { TimedWork } from '../app/metrics/metricsSink.js';

/** What was counted by name. */
export interface NamedCounts {
  readonly total: number;
  /** An object without a prototype. What came after the first names (200, unless said otherwise) is in `other`. */
  readonly byName: Readonly<Record<string, number>>;
}

/** How values are distributed; all but `count` and `sum` are 0 where there are none. */
export interface HistogramSnapshot {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Percentiles are exact to 1 %. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Messages of one direction, counted by type. */
export interface MessageCounts extends NamedCounts {
  /** In bytes. */
  readonly size: HistogramSnapshot;
}

/** All that was counted from `since` to `at`. */
export interface MetricsSnapshot {
  /** When counting began, in ms since the epoch. */
  readonly since: number;
  readonly at: number;
  readonly sent: MessageCounts;
  readonly received: MessageCounts;
  /** By code. */
  readonly errors: NamedCounts;
  /** By reason. */
  readonly drops: NamedCounts;
  /** In ms. */
  readonly times: Readonly<Record<TimedWork, HistogramSnapshot>>;
}
