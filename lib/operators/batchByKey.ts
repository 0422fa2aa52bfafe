import type { OperatorFunction, SchedulerLike, Subscriber } from 'rxjs';
import { assertNotNegative, assertPositive, checkOptions } from '../message/development.js';
import { assertKey } from '../message/options/assertKey.js';
import { operate } from './subscribing/operate.js';
import { steadyScheduler } from '../message/steadyScheduler.js';
import type { Message } from '../message/types.js';
import { createCoalescedTimer } from './timing/coalescedTimer.js';
import { firstOf } from './subscribing/firstOf.js';
import { createTrampoline } from './subscribing/trampoline.js';

/** Items of one key, in the order of the source. */
export interface Batch<K, T> {
  readonly key: K;
  /** At least one item. */
  readonly items: readonly [T, ...T[]];
}

export interface BatchByKeyOptions {
  /** Items that make a batch full. @default 100 */
  readonly maxSize?: number;
  /**
   * How long the first item of a batch waits at most, in ms. With `asapScheduler`, 0 is the end of
   * the microtask.
   * @default 1_000
   */
  readonly maxWait?: number;
  /** Open batches at most; for one more, the oldest is emitted early. @default 10_000 */
  readonly maxKeys?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/**
 * Collects items by key, and emits a batch when it is full, or `maxWait` ms after its first item.
 *
 *     source        -a-A-b-a-------|
 *     batchByKey    ---x-------y-z-|     (maxSize: 2, maxWait: 6 ms; x is aA, y is b, z is a)
 *
 * When the source completes or fails, the open batches are emitted first, the oldest one first. One
 * timer serves all keys, and there is none while no batch is open. A subscriber may add items to
 * the source while it receives a batch; they become part of later batches.
 *
 * @param key Returns the key of an item; keys are equal as in a `Map`. A throw is delivered as an
 *   error. Messages need none: by default, their key is `type:target`, with nothing behind the
 *   colon if there is no `target`.
 * @throws {RangeError} At call time, if `maxWait` is negative, or another number is not positive.
 * @throws {TypeError} Delivered, if the key of an item is undefined.
 * @example
 * import { map, of } from 'rxjs';
 * import { batchByKey, createMessage } from 'rxwire';
 *
 * const messages$ = of('hello', 'world').pipe(
 *   map((text) => createMessage('chat.said', { text }, { target: 'room.1' })),
 * );
 * messages$
 *   .pipe(batchByKey(({ target = 'all' }) => target, { maxWait: 50 }))
 *   .subscribe(({ key, items }) => console.log(key, items.length)); // prints: room.1 2
 */
export function batchByKey<T, K>(key: (value: T) => K, options?: BatchByKeyOptions): OperatorFunction<T, Batch<K, T>>;
export function batchByKey<T extends Pick<Message, 'type' | 'target'>>(options?: BatchByKeyOptions): OperatorFunction<T, Batch<string, T>>;
export function batchByKey(
  first: ((value: unknown) => unknown) | BatchByKeyOptions = {},
  second: BatchByKeyOptions = {},
): OperatorFunction<unknown, Batch<unknown, unknown>> {
  const [key, options] = typeof first === 'function' ? [first, second] : [typeAndTarget, first];
  checkOptions('batchByKey', options);
  const { maxSize = 100, maxWait = 1_000, maxKeys = 10_000, scheduler = steadyScheduler() } = options;
  assertPositive('batchByKey', { maxSize, maxKeys });
  assertNotNegative('batchByKey', { maxWait });

  return operate((subscriber) => {
    const batches = createOpenBatches<unknown, unknown>(subscriber, maxWait, scheduler);
    const { byKey } = batches;

    const openOrClose = (lane: unknown, value: unknown): void => {
      const batch = batches.latest ?? { key: lane, items: [value], since: scheduler.now() };
      byKey.set(lane, (batches.latest = batch));
      if (batch.items.length >= maxSize) batches.close(batch);
      batches.closeWhile(() => byKey.size > maxKeys);
      batches.update();
    };
    const fail = (error: unknown): void => batches.finish(() => subscriber.error(error));

    return {
      next(value) {
        try {
          const lane = assertKey('batchByKey', key(value));
          if (!batches.latest || batches.latest.key !== lane) batches.latest = byKey.get(lane);
          if (!batches.latest || batches.latest.items.push(value) >= maxSize) openOrClose(lane, value);
        } catch (error) {
          fail(error);
        }
      },
      error: fail,
      complete: () => batches.finish(() => subscriber.complete()),
    };
  });
}

/** A value without a type is no message, and has no key. */
function typeAndTarget(value: unknown): string | undefined {
  const { type, target = '' } = value as Partial<Pick<Message, 'type' | 'target'>>;
  return type && `${type}:${target}`;
}

interface OpenBatch<K, T> {
  readonly key: K;
  readonly items: [T, ...T[]];
  readonly since: number;
}

/**
 * Creates the open batches of a subscriber, with one timer and one output queue for all: items that
 * a subscriber adds during an emission are emitted later.
 */
function createOpenBatches<K, T>(subscriber: Subscriber<Batch<K, T>>, maxWait: number, scheduler: SchedulerLike) {
  const byKey = new Map<K, OpenBatch<K, T>>();
  const oldest = firstOf(byKey);
  const notifications = createTrampoline();

  const remaining = ({ since }: OpenBatch<K, T>): number => {
    const age = scheduler.now() - since;
    // The clock was set back: do not wait for it to catch up.
    return age < 0 ? 0 : maxWait - age;
  };
  const timer = createCoalescedTimer(scheduler, () => {
    batches.closeWhile((batch) => remaining(batch) <= 0);
    batches.update();
  });
  subscriber.add(() => timer.clear());

  const batches = {
    byKey,
    /** The batch of the previous item, if it is open: the next item often has the same key. */
    latest: undefined as OpenBatch<K, T> | undefined,
    close(batch: OpenBatch<K, T>): void {
      byKey.delete(batch.key);
      batches.latest = undefined;
      notifications.add(() => subscriber.next({ key: batch.key, items: batch.items }));
    },
    /** Closes the oldest batch while the condition holds. */
    closeWhile(condition: (oldest: OpenBatch<K, T>) => boolean): void {
      for (let batch = oldest(); batch && condition(batch); batch = oldest()) batches.close(batch);
    },
    /** Sets the timer for the oldest batch, and emits the closed ones. */
    update(): void {
      const next = oldest();
      if (next) timer.set(remaining(next));
      else timer.clear();
      notifications.run();
    },
    finish(end: () => void): void {
      batches.closeWhile(() => true);
      notifications.add(end);
      batches.update();
    },
  };
  return batches;
}
