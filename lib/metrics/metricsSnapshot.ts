import type { TimedWork } from '../app/metrics/metricsSink.js';

/** Counts by name. */
export interface NamedCounts {
  readonly total: number;
  /**
   * An object without a prototype. Names after the first ones (200 by default) are counted in
   * `other`.
   */
  readonly byName: Readonly<Record<string, number>>;
}

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

/** Errors, by code. */
export interface ErrorCounts extends NamedCounts {
  /**
   * The errors that are about one message, by the type of that message. An object without a
   * prototype.
   */
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
