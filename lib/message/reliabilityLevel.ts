import type { Delivery } from './types.js';

/**
 * The delivery guarantees by name, for the option `delivery`, and the field of a message.
 *
 * @example
 * import { connect, ReliabilityLevel, webSocket } from 'rxwire';
 *
 * const wire = connect({
 *   link: webSocket('ws://127.0.0.1:4870/wire'),
 *   delivery: ReliabilityLevel.EXACTLY_ONCE,
 * });
 */
export const ReliabilityLevel = {
  AT_MOST_ONCE: 'at-most-once',
  AT_LEAST_ONCE: 'at-least-once',
  EXACTLY_ONCE: 'exactly-once',
} as const satisfies Readonly<Record<string, Delivery>>;

/** One of the delivery guarantees, as its text. */
export type ReliabilityLevel = Delivery;
