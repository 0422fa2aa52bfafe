import { asyncScheduler, catchError, ignoreElements, type MonoTypeOperatorFunction, type SchedulerLike } from 'rxjs';
import { asObservable } from '../../internal/later.js';
import type { Message } from '../../message/types.js';
import type { RetryAttempt } from '../../operators/retryBackoff.js';
import { createDeadLetter, failureOf } from '../../session/consume/deadLetter.js';
import type { DeadLetterStore } from './deadLetterStore.js';

export interface BuryOptions {
  /** What `onRetry` of `retryBackoff` was told of the tries before the last one. @default none */
  readonly retries?: readonly RetryAttempt[];
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/**
 * Keeps a message as a dead letter when its work fails, and completes in place of the error. For pipelines of your own: `consume`, `route` and queues
 * do it themselves, with their option `deadLetter: letters.add`.
 *
 *     work                            --a--#
 *     deadLetter(letters, message)    --a--|
 *
 * @param message What the work is about.
 * @throws What the store fails with, delivered.
 * @example
 * const letters = memoryDeadLetters();
 * const careful = (message: Message) =>
 *   defer(() => save(message.payload)).pipe(retryBackoff({ initialInterval: 100, maxRetries: 3 }), deadLetter(letters, message));
 * messages$.pipe(mergeMap(careful, 4)).subscribe(draw);
 */
export function deadLetter<T>(
  letters: Pick<DeadLetterStore, 'add'>,
  message: Message,
  options: BuryOptions = {},
): MonoTypeOperatorFunction<T> {
  const { retries = [], scheduler = asyncScheduler } = options;
  const bury = (error: unknown) => {
    const history = [...retries.map((retry) => failureOf(retry.error)), failureOf(error, scheduler.now())];
    const letter = createDeadLetter(message, error, { attempts: history.length, history, scheduler });
    return asObservable(() => letters.add(letter)).pipe(ignoreElements());
  };
  return catchError(bury);
}
