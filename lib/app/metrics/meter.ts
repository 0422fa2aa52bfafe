import { asyncScheduler, tap, type MonoTypeOperatorFunction, type SchedulerLike } from 'rxjs';
import { wallTime } from '../../internal/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import type { MessageDirection, MetricsSink } from './metricsSink.js';

export interface MeterOptions<T> {
  /** The direction of the messages. @default 'received' */
  readonly direction?: MessageDirection;
  /**
   * Returns the size of a message in bytes.
   * @default an estimate of its payload as text, which counts the first 64 parts
   */
  readonly size?: (message: T) => number;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/**
 * Counts messages and their sizes by type, and the error if the stream fails. It times received
 * messages from their `timestamp` on.
 *
 * The `timestamp` is by the clock of the sender. When that clock is ahead of this one, the time of
 * a message counts as 0.
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
  { direction = 'received', size = sizeOf, scheduler = asyncScheduler }: MeterOptions<T> = {},
): MonoTypeOperatorFunction<T> {
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

function sizeOf({ payload }: Pick<Message, 'payload'>): number {
  return payloadSize(payload);
}

function codeOf(error: unknown): string {
  const { code, name } = Object(error) as { readonly code?: unknown; readonly name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown';
}

/** Returns the type of the message that an error is about, if the error has it. */
export function typeOf(error: unknown): string | undefined {
  const { type } = Object(error) as { readonly type?: unknown };
  return typeof type === 'string' ? type : undefined;
}

/** The maximum number of parts to count: measuring must be cheaper than encoding. */
const MAX_PARTS = 64;
/** The estimated size of numbers, `null` and similar values. */
const ATOM = 4;
/** The quotes, colon and comma of a field. */
const FIELD = 4;

/**
 * Returns the estimated size of a payload as text, in bytes. Only the first parts of a large
 * payload are counted.
 */
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
