import { defer, filter, type MonoTypeOperatorFunction, type SchedulerLike } from 'rxjs';
import { assertPositive, checkOptions } from '../message/development.js';
import { assertKey } from '../message/options/assertKey.js';
import { createRecentKeys } from './buffers/recentKeys.js';
import { steadyScheduler } from '../message/steadyScheduler.js';
import type { Message } from '../message/types.js';

export interface DedupeOptions<T> {
  /**
   * Returns the key of a value. Keys are compared as in a `Set`: NaN equals itself. An undefined
   * key is an error. `contentKey` returns a hash of a message and its payload.
   * @default the message's `id`
   */
  readonly key?: (value: T) => unknown;
  /** How long a key is remembered after its first value, in ms. @default 300_000 */
  readonly ttl?: number;
  /** Keys that are remembered at most; for one more, the oldest is forgotten. @default 10_000 */
  readonly maxSize?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
  /** Called with each value that is dropped. */
  readonly onDuplicate?: (value: T) => void;
}

/**
 * Drops a value whose key was first seen less than `ttl` ms ago, whatever came since.
 *
 *     source     -a-a-a-a-|
 *     dedupe     -a---a---|     (ttl: 4 ms)
 *
 * The operator is exact, O(1) amortised, bounded, and needs no timers. A throw of `key` or
 * `onDuplicate` is delivered as an error.
 *
 * @throws {RangeError} At call time, if `ttl` or `maxSize` is not positive.
 * @throws {TypeError} Delivered, if the key of a value is undefined.
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, dedupe } from 'rxwire';
 *
 * const message = createMessage('chat.said', 'hello');
 * of(message, message)
 *   .pipe(dedupe({ ttl: 60_000 }))
 *   .subscribe(({ payload }) => console.log(payload)); // prints: hello
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- so that `T` is the type of the source, and not of the parameter of `contentKey`
export function dedupe<T, K extends (value: T) => unknown>(
  options: Omit<DedupeOptions<T>, 'key'> & { readonly key: K },
): MonoTypeOperatorFunction<T>;
export function dedupe<T>(options: DedupeOptions<T> & { readonly key: (value: T) => unknown }): MonoTypeOperatorFunction<T>;
export function dedupe<T extends Pick<Message, 'id'>>(options?: DedupeOptions<T>): MonoTypeOperatorFunction<T>;
export function dedupe(options: DedupeOptions<never> = {}): MonoTypeOperatorFunction<unknown> {
  checkOptions('dedupe', options);
  const { key = idOf, ttl = 300_000, maxSize = 10_000, scheduler = steadyScheduler(), onDuplicate } = options as DedupeOptions<unknown>;
  assertPositive('dedupe', { ttl, maxSize });

  return (source) =>
    defer(() => {
      const recent = createRecentKeys({ ttl, maxSize, scheduler });
      const isNew = (value: unknown): boolean => {
        if (!recent.seen(assertKey('dedupe', key(value)))) return true;
        onDuplicate?.(value);
        return false;
      };
      return source.pipe(filter(isNew));
    });
}

function idOf(value: unknown): unknown {
  return (value as Pick<Message, 'id'>).id;
}
