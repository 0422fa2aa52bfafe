import { asyncScheduler, type MonoTypeOperatorFunction, noop, type SchedulerLike, Subscription, tap } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { MessageDroppedError, type RxwireError } from '../../message/errors.js';
import { steadyScheduler, wallTime } from '../../message/steadyScheduler.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import type { ConnectionState } from '../../wire/connectionState.js';
import { markInternal } from '../../wire/internalSubscriptions.js';
import type { Wire } from '../../wire/wire.js';
import type { MessageDirection, MetricsSink } from './metricsSink.js';

export interface MeterOptions<T> {
  /** The direction of the messages. @default 'received' */
  readonly direction?: MessageDirection;
  /** Returns the size of a message in bytes. @default an estimate for its first 64 parts */
  readonly size?: (message: T) => number;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/**
 * Counts messages and their sizes by type, and the error if the stream fails. It times received
 * messages from their `timestamp` on.
 *
 * The `timestamp` is by the clock of the sender. If that is ahead, the time counts as 0.
 *
 * It works in both directions: `wire.pipe(meter(metrics))`, and
 * `outgoing$.pipe(meter(metrics, { direction: 'sent' })).subscribe(wire)`. An exception of `size`
 * is delivered as an error.
 *
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, meter } from 'rxwire';
 * import { createMetrics } from 'rxwire/metrics';
 *
 * const metrics = createMetrics();
 * of(createMessage('chat.said', 'hello'), createMessage('chat.said', 'bye'))
 *   .pipe(meter(metrics))
 *   .subscribe();
 * const { total, size } = metrics.snapshot().received;
 * console.log(total, size.min, size.max); // prints: 2 3 5
 */
export function meter<T extends Pick<Message, 'type' | 'payload'> & { readonly timestamp?: number }>(
  metrics: MetricsSink,
  options: MeterOptions<T> = {},
): MonoTypeOperatorFunction<T> {
  checkOptions('meter', options);
  const { direction = 'received', size = ({ payload }) => payloadSize(payload), scheduler = asyncScheduler } = options;
  const isReceived = direction === 'received';
  return tap({
    next(message) {
      const { type, timestamp } = message;
      metrics.message(direction, type, size(message));
      if (isReceived && Number.isFinite(timestamp)) metrics.time('endToEnd', Math.max(0, wallTime(scheduler) - (timestamp as number)));
    },
    error: (error: unknown) => metrics.error(codeOf(error), typeOf(error)),
  });
}

function codeOf(error: unknown): string {
  const { code, name } = Object(error) as { readonly code?: unknown; readonly name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown';
}

/** Returns the type of the message that an error is about, if the error has it. */
function typeOf(error: unknown): string | undefined {
  const { type } = Object(error) as { readonly type?: unknown };
  return typeof type === 'string' ? type : undefined;
}

/** The maximum number of parts to count: measuring must be cheaper than encoding. */
const MAX_PARTS = 64;
/** The estimated size of numbers, `null` and similar values. */
const ATOM = 4;
/** The quotes, colon and comma of a field. */
const FIELD = 4;

/** Returns the estimated size of the first parts of a payload as text, in bytes. */
export function payloadSize(payload: unknown): number {
  return partSize(payload, { parts: MAX_PARTS });
}

function partSize(value: unknown, left: { parts: number }): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return ATOM;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  const hasNames = !Array.isArray(value);
  let size = 0;
  for (const name in value) {
    if (left.parts-- <= 0) break;
    size += partSize(value[name as never], left) + (hasNames ? name.length + FIELD : 0);
  }
  return size;
}

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
 * queue, of the first and each 16th message. `meter` counts the messages themselves.
 *
 * Without `queueTimes`, measuring does not change what is sent, nor when. The wire still warns of
 * failures that no other code receives.
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
  checkOptions('meterWire', options);
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
  // A metric shows no failure to the program: the wire still warns of those that no code receives.
  measured.add(markInternal(wire.errors$.subscribe(guarded(countErrors(metrics)))));
  measured.add(wire.latency$.subscribe(guarded((latency) => metrics.time('ack', latency))));
  if (queueTimes) measured.add(markInternal(wire.receipts$.subscribe(guarded(timeQueue(metrics, scheduler)))));
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
