/** Which way a message goes: `sent` from here, or `received` here. */
export type MessageDirection = 'sent' | 'received';

/**
 * What takes time: `ack`, from sending a message to its ack; `queue`, from when it comes to a queue to when it is started; `reconnect`, from when a
 * connection is lost to when there is one again.
 */
export type TimedWork = 'ack' | 'queue' | 'reconnect';

/**
 * Where meters write: `createMetrics()` of `rxwire/metrics`, an adapter for OpenTelemetry or Prometheus, or one of your own. Its methods are called
 * for each message: they should be quick, and what they keep must be bounded, whatever the names.
 */
export interface MetricsSink {
  /** @param size In bytes, about. */
  message(direction: MessageDirection, type: string, size: number): void;
  /** @param code That of the error where it has one, else its name. */
  error(code: string): void;
  /** @param reason As with `ERR_DROPPED`: `overflow`, `expired` or `closed`. */
  drop(reason: string): void;
  /** @param duration In ms. */
  time(work: TimedWork, duration: number): void;
}
