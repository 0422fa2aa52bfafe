import { tap, type MonoTypeOperatorFunction } from 'rxjs';
import type { Message } from '../../message/types.js';
import { payloadSize } from './payloadSize.js';
import type { MessageDirection, MetricsSink } from './metricsSink.js';

export interface MeterOptions<T> {
  /** Which way the messages go. @default 'received' */
  readonly direction?: MessageDirection;
  /** How large a message is, in bytes. @default an estimate of its payload, as text; of more than 64 parts the rest is not looked at */
  readonly size?: (message: T) => number;
}

/**
 * Counts messages as they pass, by type, with their sizes; and the error, should the stream fail.
 *
 * It works in both directions: `wire.pipe(meter(metrics))`, and `outgoing$.pipe(meter(metrics, { direction: 'sent' })).subscribe(wire)`. A throw of
 * `size` is delivered as an error.
 *
 * @example
 * import { createMetrics } from 'rxwire/metrics';
 *
 * const metrics = createMetrics();
 * of(createMessage('chat.said', 'hello'), createMessage('chat.said', 'bye')).pipe(meter(metrics)).subscribe();
 * const { total, size } = metrics.snapshot().received;
 * console.log(total, size.min, size.max); // prints: 2 3 5
 */
export function meter<T extends Pick<Message, 'type' | 'payload'>>(
  metrics: MetricsSink,
  { direction = 'received', size = sizeOf }: MeterOptions<T> = {},
): MonoTypeOperatorFunction<T> {
  return tap({
    next: (message) => metrics.message(direction, message.type, size(message)),
    error: (error: unknown) => metrics.error(codeOf(error)),
  });
}

function sizeOf({ payload }: Pick<Message, 'payload'>): number {
  return payloadSize(payload);
}

function codeOf(error: unknown): string {
  const { code, name } = Object(error) as { readonly code?: unknown; readonly name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown';
}
