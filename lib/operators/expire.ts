import { asyncScheduler, filter, type MonoTypeOperatorFunction, type SchedulerLike } from 'rxjs';
import { checkOptions } from '../message/development.js';
import { wallTime } from '../message/steadyScheduler.js';
import { isExpired } from '../message/isExpired.js';
import type { Message } from '../message/types.js';

export interface ExpireOptions<T> {
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** Called with each message that is dropped. */
  readonly onExpired?: (message: T) => void;
}

/**
 * Drops messages with a `ttl` that has passed: `timestamp + ttl <= now`.
 *
 *     source    -a-b-a-|     (a: timestamp 0, ttl 5 ms; b: no ttl)
 *     expire    -a-b---|
 *
 * A throw of `onExpired` is delivered as an error.
 *
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, expire } from 'rxwire';
 *
 * const late = {
 *   ...createMessage('chat.said', 'hello', { ttl: 1_000 }),
 *   timestamp: Date.now() - 2_000,
 * };
 * of(late)
 *   .pipe(expire({ onExpired: ({ payload }) => console.log(`expired: ${payload}`) }))
 *   .subscribe(); // prints: expired: hello
 */
export function expire<T extends Pick<Message, 'timestamp' | 'ttl'>>(options: ExpireOptions<T> = {}): MonoTypeOperatorFunction<T> {
  checkOptions('expire', options);
  const { scheduler = asyncScheduler, onExpired } = options;
  return filter((message) => {
    if (!isExpired(message, wallTime(scheduler))) return true;
    onExpired?.(message);
    return false;
  });
}
