import { defer, noop, type ObservableInput, type ObservedValueOf, type OperatorFunction, type SchedulerLike } from 'rxjs';
import { assertPositive, checkOptions } from '../message/development.js';
import type { DropReason } from '../message/errors.js';
import { mergeFromQueue, type MergeQueue } from './buffers/mergeFromQueue.js';
import { createPriorityQueue, type OverflowPolicy, createExpiringQueue } from './buffers/priorityQueue.js';
import { steadyScheduler } from '../message/steadyScheduler.js';

export interface PriorityMergeOptions<T> {
  /** Inner streams that run at once: few, because only waiting values are ordered. @default 4 */
  readonly concurrency?: number;
  /**
   * Returns the priority of a value: the nearest `MessagePriority` is used, or NORMAL if it is no
   * number.
   * @default the field `priority` of the value
   */
  readonly priority?: (value: T) => number | undefined;
  /** Values that wait at most. @default 1_000 */
  readonly maxSize?: number;
  /** How long a value waits at most, in ms. @default 60_000 */
  readonly maxAge?: number;
  /** The value to drop when more than `maxSize` would wait. @default 'drop-oldest' */
  readonly overflow?: OverflowPolicy;
  /** Called with each value that is dropped, and the reason: `closed` if the stream has ended. */
  readonly onDrop?: (value: T, reason: DropReason) => void;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/**
 * A `mergeMap` with a bounded priority queue: the value of the highest priority starts next; values
 * of equal priority start in the order of the source.
 *
 *     source           -abC-------|
 *     priorityMerge    ----a--C--b|     (concurrency: 1, each takes 3 ms, C is urgent)
 *
 * All operations are O(1). One timer drops values that wait for too long. A throw of a callback is
 * delivered as an error. When the stream has ended already, a throw of `onDrop` propagates to the
 * caller of `unsubscribe`, as with `finalize`. An `onDrop` that has thrown is not called again.
 *
 * @param project Returns the inner stream of a value.
 * @throws {RangeError} At call time, if a number is not positive.
 * @throws {OverflowError} Delivered, with `overflow: 'error'`.
 * @example
 * import { delay, of } from 'rxjs';
 * import { createMessage, type Message, MessagePriority, priorityMerge } from 'rxwire';
 *
 * const job = (name: string, priority: MessagePriority) =>
 *   createMessage('job', name, { priority });
 * const jobs$ = of(
 *   job('first', MessagePriority.LOW),
 *   job('low', MessagePriority.LOW),
 *   job('high', MessagePriority.HIGH),
 * );
 * const work = ({ payload }: Message) => of(payload).pipe(delay(10));
 * jobs$.pipe(priorityMerge(work, { concurrency: 1 })).subscribe((name) => console.log(name)); // prints: first
 * // prints: high
 * // prints: low
 */
export function priorityMerge<T, O extends ObservableInput<unknown>>(
  project: (value: T, index: number) => O,
  options: PriorityMergeOptions<T> = {},
): OperatorFunction<T, ObservedValueOf<O>> {
  checkOptions('priorityMerge', options);
  const { concurrency = 4, priority = priorityOf, maxSize = 1_000, maxAge = 60_000, overflow = 'drop-oldest' } = options;
  const { onDrop = noop, scheduler = steadyScheduler() } = options;
  assertPositive('priorityMerge', { concurrency, maxSize, maxAge });

  const createQueue = (onError: (error: unknown) => void): MergeQueue<T, { readonly value: T }> => {
    const queue = createPriorityQueue<T>('priorityMerge', maxSize, overflow);
    const expiringQueue = createExpiringQueue<T>({ queue, maxAge, scheduler, onDrop, onError });
    return {
      ...expiringQueue,
      push(value, isFree) {
        if (isFree && expiringQueue.size() === 0) return { value };
        expiringQueue.push(value, priority(value));
        return undefined;
      },
    };
  };
  return (source) =>
    defer(() => mergeFromQueue(source, { concurrency, createQueue, project: ({ value }, index) => project(value, index) }));
}

function priorityOf(value: unknown): number | undefined {
  return (value as { readonly priority?: number } | null | undefined)?.priority;
}
