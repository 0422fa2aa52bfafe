import { defer, finalize, from, noop, type ObservableInput, type ObservedValueOf, type OperatorFunction } from 'rxjs';
import { assertPositive, checkOptions } from '../message/development.js';
import type { DropReason } from '../message/errors.js';
import { assertKey } from '../message/options/assertKey.js';
import { firstOf } from './subscribing/firstOf.js';
import { mergeFromQueue, type MergeQueue } from './buffers/mergeFromQueue.js';

/** Why a value was dropped: a newer one came, too many keys waited, or the stream ended. */
export type ConflateReason = 'conflated' | Exclude<DropReason, 'expired' | 'evicted'>;

export interface ConflateByKeyOptions<T> {
  /** Inner streams that run at once; never more than one for each key. @default 1 */
  readonly concurrency?: number;
  /** Keys that wait at most; one more drops the one that has waited longest. @default 10_000 */
  readonly maxKeys?: number;
  /** Called with each value that is dropped, and the reason. */
  readonly onDrop?: (value: T, reason: ConflateReason) => void;
}

/**
 * A `mergeMap` in which only the newest value of each key waits. While the consumer is busy, a new
 * value replaces the older one, and the key keeps its position.
 *
 *     source           -a-AbB--------|
 *     conflateByKey    ----a--A--B---|     (each takes 3 ms; B replaces b)
 *
 * Use this for states, of which only the latest counts: positions, progress, the text of a
 * document. Keys are served in order. The inner streams of one key run one after the other, so that
 * an old state cannot overtake a new one. A throw of a callback is delivered as an error. When the
 * stream has ended already, a throw of `onDrop` propagates to the caller of `unsubscribe`, as with
 * `finalize`. An `onDrop` that has thrown is not called again.
 *
 * @param key Returns the key of a value; keys are equal as in a `Map`.
 * @param project Returns the inner stream of a value.
 * @throws {RangeError} At call time, if a number is not positive.
 * @throws {TypeError} Delivered, if the key of a value is undefined.
 * @example
 * import { delay, of } from 'rxjs';
 * import { conflateByKey } from 'rxwire';
 *
 * const show = (price: number) => of(price).pipe(delay(10));
 * of(1, 2, 3)
 *   .pipe(conflateByKey(() => 'tea', show))
 *   .subscribe((price) => console.log(price)); // prints: 1
 * // prints: 3
 */
export function conflateByKey<T, O extends ObservableInput<unknown>>(
  key: (value: T) => unknown,
  project: (value: T, index: number) => O,
  options: ConflateByKeyOptions<T> = {},
): OperatorFunction<T, ObservedValueOf<O>> {
  checkOptions('conflateByKey', options);
  const { concurrency = 1, maxKeys = 10_000, onDrop = noop } = options;
  assertPositive('conflateByKey', { concurrency, maxKeys });

  return (source) =>
    defer(() => {
      const latestByKey = createLatestByKey(key, maxKeys, onDrop);
      return mergeFromQueue(source, {
        concurrency,
        createQueue: () => latestByKey,
        project: (entry, index) => from(project(entry.value, index)).pipe(finalize(() => latestByKey.release(entry.key))),
      });
    });
}

interface Entry<T> {
  readonly key: unknown;
  value: T;
}

interface LatestQueue<T> extends MergeQueue<T, Entry<T>> {
  /** Called when the inner stream of a key has ended. */
  readonly release: (key: unknown) => void;
}

/** Creates a queue of the newest value of each key. Keys that run wait apart from the others. */
function createLatestByKey<T>(
  key: (value: T) => unknown,
  maxKeys: number,
  onDrop: (value: T, reason: ConflateReason) => unknown,
): LatestQueue<T> {
  const waiting = new Map<unknown, Entry<T>>();
  const running = new Map<unknown, Entry<T> | undefined>();
  const oldest = firstOf(waiting);
  let report = onDrop;

  const drop = (entry: Entry<T> | undefined, reason: ConflateReason): void => {
    try {
      if (entry) report(entry.value, reason);
    } catch (error) {
      report = noop;
      throw error;
    }
  };
  const takeOldest = (): Entry<T> | undefined => {
    const entry = oldest();
    if (entry) waiting.delete(entry.key);
    return entry;
  };

  return {
    push(value) {
      const entry = { key: assertKey('conflateByKey', key(value)), value };
      const known = waiting.get(entry.key) ?? running.get(entry.key);
      if (known) [known.value, entry.value] = [value, known.value];
      else (running.has(entry.key) ? running : waiting).set(entry.key, entry);
      if (known) drop(entry, 'conflated');
      else if (waiting.size > maxKeys) drop(takeOldest(), 'overflow');
      return undefined;
    },
    shift() {
      const entry = takeOldest();
      if (entry) running.set(entry.key, undefined);
      return entry;
    },
    release(name) {
      const next = running.get(name);
      running.delete(name);
      if (next) waiting.set(name, next);
    },
    close() {
      const left = [...waiting.values(), ...running.values()];
      waiting.clear();
      running.clear();
      for (const entry of left) drop(entry, 'closed');
    },
  };
}
