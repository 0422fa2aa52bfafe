import type { Message } from './types.js';

/**
 * Returns whether the `ttl` of a message has passed. A message without a `ttl` never expires; one
 * with `ttl: 0` has expired at once, whatever the clocks say.
 *
 * @param message `timestamp` is by the clock of the sender: if that clock is a second ahead of the
 *   local one, the message expires a second late.
 * @param now The time in ms since the epoch.
 * @example
 * import { isExpired } from 'rxwire';
 *
 * console.log(
 *   isExpired({ timestamp: 1_000, ttl: 500 }, 1_499),
 *   isExpired({ timestamp: 1_000, ttl: 500 }, 1_500),
 * ); // prints: false true
 */
export function isExpired({ timestamp, ttl = Infinity }: Pick<Message, 'timestamp' | 'ttl'>, now: number): boolean {
  return ttl === 0 || timestamp + ttl <= now;
}
