import { noop, Subscription, type SchedulerLike } from 'rxjs';
import { MessageDroppedError, type RxwireError } from '../../errors.js';
import { steadyScheduler } from '../../internal/steadyScheduler.js';
import type { Receipt } from '../../message/receipt.js';
import type { ConnectionState } from '../../wire/connectionState.js';
import type { Wire } from '../../wire/wire.js';
import { typeOf } from './meter.js';
import type { MetricsSink } from './metricsSink.js';

export interface MeterWireOptions {
  /**
   * Whether to time how long messages wait in the send queue. This needs `receipts$`: the other
   * side then acks each message at once.
   * @default false
   */
  readonly queueTimes?: boolean;
  /** Called with an exception of the sink. Measuring ends then; the wire continues. */
  readonly onError?: (error: unknown) => void;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/**
 * Measures the events of a wire: errors, also by the type of their message, dropped messages, the
 * latency of acks and pings, and the time to reconnect; with `queueTimes` the time in the send
 * queue, of the first and each 16th of the messages that wait at the same time. `meter` counts the
 * messages themselves.
 *
 * Without `queueTimes`, measuring does not change what is sent, nor when.
 *
 * It ends with the wire, or when the returned Subscription is unsubscribed.
 *
 * @example
 * import { connect, createMessage, meterWire, webSocket } from 'rxwire';
 * import { createMetrics } from 'rxwire/metrics';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const metrics = createMetrics();
 * meterWire(wire, metrics);
 * await wire.send(createMessage('system.ping', { timestamp: 0 }));
 * console.log(metrics.snapshot().times.ack.count); // prints: 1
 */
export function meterWire(wire: Wire, metrics: MetricsSink, options: MeterWireOptions = {}): Subscription {
  const { queueTimes = false, scheduler = steadyScheduler() } = options;
  const { onError = noop } = options as { readonly onError?: (error: unknown) => unknown };
  const measured = new Subscription();
  const guarded =
    <T>(measure: (value: T) => void) =>
    (value: T): unknown => {
      try {
        measure(value);
        return undefined;
      } catch (error) {
        measured.unsubscribe();
        // The wire of a server handles a promise that rejects.
        return onError(error);
      }
    };
  measured.add(wire.errors$.subscribe(guarded(countErrors(metrics))));
  measured.add(wire.latency$.subscribe(guarded((latency) => metrics.time('ack', latency))));
  if (queueTimes) measured.add(wire.receipts$.subscribe(guarded(timeQueue(metrics, scheduler))));
  measured.add(wire.state$.subscribe(guarded(timeReconnects(metrics, scheduler))));
  return measured;
}

function countErrors(metrics: MetricsSink): (error: RxwireError) => void {
  return (error) => {
    metrics.error(error.code, typeOf(error));
    if (error instanceof MessageDroppedError) metrics.drop(error.reason);
  };
}

/** Timing every message would read the clock twice for each. */
const SAMPLE = 16;
const MAX_FOLLOWED = 64;

function timeQueue(metrics: MetricsSink, scheduler: SchedulerLike): (receipt: Receipt) => void {
  const followed = new Map<string, number>();
  let queued = 0;

  return ({ id, status }) => {
    if (status === 'queued') {
      const isChosen = followed.size === 0 || (queued % SAMPLE === 0 && followed.size < MAX_FOLLOWED);
      if (isChosen) followed.set(id, scheduler.now());
      queued++;
      return;
    }
    if (status === 'stored') return;
    const since = followed.size > 0 ? followed.get(id) : undefined;
    if (since !== undefined) followed.delete(id);
    if (since !== undefined && status === 'sent') metrics.time('queue', scheduler.now() - since);
  };
}

function timeReconnects(metrics: MetricsSink, scheduler: SchedulerLike): (state: ConnectionState) => void {
  let lostAt: number | undefined;

  return ({ status }) => {
    if (status === 'reconnecting') lostAt ??= scheduler.now();
    if (status !== 'connected' || lostAt === undefined) return;
    metrics.time('reconnect', scheduler.now() - lostAt);
    lostAt = undefined;
  };
}
