import { connect, defer, filter, map, merge, mergeAll, mergeMap, type Observable, type OperatorFunction } from 'rxjs';
import { assertNotNegative, assertPositive, checkOptions } from '../../message/development.js';
import { OverflowError } from '../../message/errors.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import { claim } from '../../wire/session/messageClaim.js';
import { abandonOnError, deadLettered, handled, type Job } from './consumeOne.js';
import { type Consumed, type ConsumeOptions, type HandlerWork } from './consumeOptions.js';
import { createRetries } from './messageRetries.js';

export type { Consumed, ConsumeOptions, HandlerWork };

/**
 * Processes messages: each counts as processed, and is acked, when its handler has completed. So a
 * slow handler slows the sender, and the sender repeats messages whose processing a crash has
 * interrupted. A handler that keeps failing results in a dead letter, and does not end the stream,
 * unless no part of the application would receive the failure.
 *
 *     source                 -ab-----c--|
 *     consume(takes 3 ms)    ----a--b---(c|)
 *
 * Emits each message when it is processed (with an inbox: when the inbox has stored it), with the
 * last value of its handler, or as `dead`. A message whose session ends before that is not emitted,
 * and is received again: waiting handlers do not start any more, and running ones continue.
 *
 * `consume` claims each message from the session during the synchronous delivery. It may therefore
 * follow synchronous operators like `ofType` and `filter`, but not `delay`. Messages that no
 * session delivers are processed in the same way; as no wire reports their failures, they need an
 * `onError` or a `deadLetter`.
 *
 * Unsubscribe together with the wire: this ends the running handlers, and their messages are not
 * acked. On a wire that continues, those messages and later ones would have no handler.
 *
 * @param handler Called with each message. Its work is done when the returned Observable, promise,
 *   iterable or stream completes; at once if it returns nothing or any other value.
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {UnsupportedError} Delivered, with `effect`, for a message of a session that has no
 *   inbox, and when the effect returns a promise: the message is not acked.
 * @throws {HandlerError} Delivered, when a handler has finally failed, no wire delivers the
 *   message, and there is neither `onError` nor `deadLetter`. An `OverflowError`, when too many
 *   messages wait.
 * @throws The error of `onError` or `deadLetter`, delivered: the message is not acked.
 * @example
 * import { connect, consume, ofType, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * wire
 *   .pipe(
 *     ofType('execution.output'),
 *     consume(({ payload }) => console.log(payload.data), { concurrency: 4 }),
 *   )
 *   .subscribe();
 */
export function consume<T extends Message, R = unknown, Tx = unknown>(
  handler: (message: T) => HandlerWork<R>,
  options: ConsumeOptions<T, R, Tx> = {},
): OperatorFunction<T, Consumed<T, R>> {
  checkOptions('consume', options);
  const { concurrency = 1, maxWaiting = 10_000, retry, scheduler = steadyScheduler() } = options;
  assertPositive('consume', { concurrency });
  assertNotNegative('consume', { maxWaiting });
  const parts = { ...options, handler, retries: createRetries(retry, scheduler), scheduler };

  return (source) =>
    defer(() => {
      let waiting = 0;
      const toJob = (message: T): Job<T> & { readonly isTooMany: boolean } => {
        const isTooMany = waiting >= maxWaiting;
        if (!isTooMany) waiting++;
        return { message, held: claim(message), isTooMany };
      };
      const start = (job: Job<T>): Observable<Observable<Consumed<T, R>>> => {
        waiting--;
        return handled(job, parts).pipe(abandonOnError(job));
      };
      const refuse = (job: Job<T>) =>
        deadLettered({ ...job, attempts: 0, error: new OverflowError('consume', maxWaiting) }, parts).pipe(abandonOnError(job));

      return source.pipe(
        map(toJob),
        connect((jobs$) =>
          merge(
            jobs$.pipe(
              filter(({ isTooMany }) => isTooMany),
              mergeMap(refuse),
            ),
            jobs$.pipe(
              filter(({ isTooMany }) => !isTooMany),
              mergeMap(start, concurrency),
            ),
          ),
        ),
        // The next message does not wait for the commit of this one: they share a transaction.
        mergeAll(),
      );
    });
}
