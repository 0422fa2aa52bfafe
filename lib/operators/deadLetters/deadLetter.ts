import { asyncScheduler, catchError, ignoreElements, type MonoTypeOperatorFunction, type SchedulerLike } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { asObservable } from '../../message/maybeAsync.js';
import { wallTime } from '../../message/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import type { RetryAttempt } from '../retryBackoff.js';
import { createDeadLetter, failureOf } from '../../wire/createDeadLetter.js';
import type { DeadLetterStore } from '../../stores/deadLetterStore.js';

export interface DeadLetterOperatorOptions {
  /** The earlier attempts, as `onRetry` of `retryBackoff` reports them. @default none */
  readonly retries?: readonly RetryAttempt[];
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/**
 * Stores a message as a dead letter when its work fails, and completes instead of the error. It is
 * meant for custom pipelines: `consume`, `route` and queues have an option
 * `deadLetter: letters.add`.
 *
 *     work                            --a--#
 *     deadLetter(letters, message)    --a--|
 *
 * @param message The message that the work processes.
 * @throws The error of the store, delivered.
 * @example
 * import { defer, mergeMap, of, throwError } from 'rxjs';
 * import {
 *   createMessage,
 *   deadLetter,
 *   memoryDeadLetters,
 *   type Message,
 *   retryBackoff,
 * } from 'rxwire';
 *
 * const letters = memoryDeadLetters();
 * const save = (payload: unknown) => throwError(() => new Error(`no room for ${payload}`));
 * const process = (message: Message) =>
 *   defer(() => save(message.payload)).pipe(
 *     retryBackoff({ initialInterval: 10, maxRetries: 3 }),
 *     deadLetter(letters, message),
 *   );
 * of(createMessage('order.placed', 'tea'))
 *   .pipe(mergeMap(process, 4))
 *   .subscribe({
 *     complete: () => letters.list().subscribe(({ error }) => console.log(error)), // prints: no room for tea
 *   });
 */
export function deadLetter<T>(
  letters: Pick<DeadLetterStore, 'add'>,
  message: Message,
  options: DeadLetterOperatorOptions = {},
): MonoTypeOperatorFunction<T> {
  checkOptions('deadLetter', options);
  const { retries = [], scheduler = asyncScheduler } = options;
  const storeLetter = (error: unknown) => {
    const history = [...retries.map((retry) => failureOf(retry.error)), failureOf(error, wallTime(scheduler))];
    const letter = createDeadLetter(message, error, { attempts: history.length, history, scheduler });
    return asObservable(() => letters.add(letter)).pipe(ignoreElements());
  };
  return catchError(storeLetter);
}
