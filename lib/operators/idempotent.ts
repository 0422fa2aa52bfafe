import {
  concat,
  defer,
  finalize,
  from,
  ignoreElements,
  mergeMap,
  ReplaySubject,
  share,
  tap,
  type Observable,
  type ObservableInput,
  type ObservedValueOf,
  type OperatorFunction,
} from 'rxjs';
import { assertPositive, checkOptions } from '../message/development.js';
import { assertKey } from '../message/options/assertKey.js';
import { asObservable } from '../message/maybeAsync.js';
import { memoryResults, type MemoryResultsOptions, type ResultStore } from './buffers/resultStore.js';
import type { Message } from '../message/types.js';

export interface IdempotentOptions<T> extends MemoryResultsOptions {
  /** Returns the key of a request, which repeats share. @default the message's `id` */
  readonly key?: (value: T) => string;
  /**
   * The store of the results, each as an array of values. `ttl` and `maxSize` are then options of
   * the store. Results in a store outlive the subscription.
   * @default in memory, for as long as one subscription
   */
  readonly store?: ResultStore;
}

/**
 * A `mergeMap` that remembers results: a repeat of a request is answered with the result of the
 * first one, and the handler does not run again. While the handler runs, repeats share it.
 *
 *     source                    -a-----a----|
 *     handler                   ---r|
 *     idempotent(handler)       ----r--r----|
 *
 * The operator emits each value at once, and remembers all values when the handler has completed.
 * An error ends the stream, as with `mergeMap`, and is not remembered. The operator does not limit
 * how many handlers run at once; `consume` does.
 *
 * @param handler Returns the result of a request.
 * @throws {RangeError} At call time, if `ttl` or `maxSize` is not positive.
 * @throws {TypeError} Delivered, if the key of a request is undefined.
 * @throws The errors of the store and of `key`, delivered.
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, idempotent, type Message } from 'rxwire';
 *
 * const order = createMessage('order.place', 'tea');
 * const answer = (request: Message) =>
 *   of(createMessage('order.placed', null, { correlationId: request.id }));
 * of(order, order)
 *   .pipe(idempotent(answer))
 *   .subscribe(({ type }) => console.log(type)); // prints: order.placed
 * // prints: order.placed
 */
export function idempotent<T, O extends ObservableInput<unknown>>(
  handler: (value: T) => O,
  options: IdempotentOptions<T> & { readonly key: (value: T) => string },
): OperatorFunction<T, ObservedValueOf<O>>;
export function idempotent<T extends Pick<Message, 'id'>, O extends ObservableInput<unknown>>(
  handler: (value: T) => O,
  options?: IdempotentOptions<T>,
): OperatorFunction<T, ObservedValueOf<O>>;
export function idempotent(
  handler: (value: unknown) => ObservableInput<unknown>,
  options: IdempotentOptions<never> = {},
): OperatorFunction<unknown, unknown> {
  checkOptions('idempotent', options);
  const { key = idOf, store, ...memory } = options as IdempotentOptions<unknown>;
  assertPositive('idempotent', { ttl: memory.ttl, maxSize: memory.maxSize });

  const lasting = store && remembering(handler, key, store);
  return (source) => defer(() => source.pipe(mergeMap(lasting ?? remembering(handler, key, memoryResults(memory)))));
}

function remembering<T, R>(
  handler: (value: T) => ObservableInput<R>,
  key: (value: T) => string,
  results: ResultStore,
): (value: T) => Observable<R> {
  const running = new Map<string, Observable<R>>();

  const run = (value: T, name: string): Observable<R> =>
    defer(() => {
      const values: R[] = [];
      const stored$ = asObservable(() => results.put(name, values)).pipe(ignoreElements());
      return concat(from(handler(value)).pipe(tap((one) => values.push(one))), stored$);
    });
  return (value) => {
    const name = assertKey('idempotent', key(value));
    const shared = running.get(name);
    if (shared) return shared;
    const answer = asObservable(() => results.get(name)).pipe(
      mergeMap((known) => (known === undefined ? run(value, name) : (known as readonly R[]))),
      finalize(() => running.delete(name)),
      share({ connector: () => new ReplaySubject<R>(), resetOnComplete: false, resetOnError: false }),
    );
    running.set(name, answer);
    return answer;
  };
}

function idOf(value: unknown): string {
  return (value as Pick<Message, 'id'>).id;
}
