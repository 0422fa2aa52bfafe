import type { Message } from './types.js';

/**
 * Whether the `ttl` of a message has passed. Without one it never does.
 *
 * @param message `timestamp` is its maker's clock: when that goes ahead of ours by a second, it expires a second late.
 * @param now In ms since the epoch.
 * @example
 * console.log(isExpired({ timestamp: 1_000, ttl: 500 }, 1_499), isExpired({ timestamp: 1_000, ttl: 500 }, 1_500)); // prints: false true
 */
export function isExpired({ timestamp, ttl = Infinity }: Pick<Message, 'timestamp' | 'ttl'>, now: number): boolean {
  return timestamp + ttl <= now;
}
