/** The direction of a message: `sent` or `received` by this side. */
export type MessageDirection = 'sent' | 'received';

/**
 * Measured durations: `ack`, from sending a message, or a ping of the session, to its ack;
 * `endToEnd`, from creating a message to receiving it; `queue`, from entering a queue to being
 * started; `reconnect`, from losing a connection to the next one.
 */
export type TimedWork = 'ack' | 'endToEnd' | 'queue' | 'reconnect';

/**
 * Receives measurements: `createMetrics()` of `rxwire/metrics`, an adapter for OpenTelemetry or
 * Prometheus, or a custom one. Its methods are called for each message: they must be fast, and
 * their memory must be bounded for any names.
 */
export interface MetricsSink {
  /** @param size The approximate size in bytes. */
  message(direction: MessageDirection, type: string, size: number): void;
  /**
   * @param code The code of the error if it has one, otherwise its name.
   * @param type The type of the message that the error is about, if the error has it.
   */
  error(code: string, type?: string): void;
  /** @param reason The reason of `ERR_DROPPED`: `overflow`, `expired` or `closed`. */
  drop(reason: string): void;
  /** @param duration In ms. */
  time(work: TimedWork, duration: number): void;
}

/** Makes one value for each kind of timed work. */
export function byWork<T>(make: (work: TimedWork) => T): Readonly<Record<TimedWork, T>> {
  return { ack: make('ack'), endToEnd: make('endToEnd'), queue: make('queue'), reconnect: make('reconnect') };
}
