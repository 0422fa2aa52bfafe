import {
  AsyncSubject,
  catchError,
  concat,
  defaultIfEmpty,
  defer,
  EMPTY,
  identity,
  ignoreElements,
  map,
  mergeMap,
  noop,
  of,
  takeLast,
  tap,
  throwError,
  type MonoTypeOperatorFunction,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { HandlerError, OverflowError, UnsupportedError } from '../../message/errors.js';
import { isPromise, valuesOf } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Claim, ClaimOutcome } from '../../wire/session/messageClaim.js';
import type { Consumed, ConsumeOptions, HandlerWork } from './consumeOptions.js';
import type { MessageRetries } from './messageRetries.js';
import { createDeadLetter, createHistory, rejectionOf } from '../../wire/createDeadLetter.js';
import { reportFailure } from '../../wire/reportFailure.js';
import type { FailedAttempt } from '../../stores/deadLetterStore.js';

export interface Job<T> {
  readonly message: T;
  /** `undefined` if no session has delivered the message. */
  readonly held: Claim | undefined;
}

export interface ConsumeParts<T, R, Tx> extends Pick<ConsumeOptions<T, R, Tx>, 'effect' | 'onError' | 'deadLetter'> {
  readonly handler: (message: T) => HandlerWork<R>;
  readonly retries: MessageRetries;
  readonly scheduler: SchedulerLike;
  /** Returns whether a subscriber receives the failures. @default false */
  readonly isObserved?: () => boolean;
  /** Calls the function that stores a dead letter, before the claim ends with `outcome`. */
  readonly protect?: (message: T, outcome: ClaimOutcome, store: () => HandlerWork<unknown>) => HandlerWork<unknown>;
}

/** Processes a message. Emits an Observable, which emits when the message is processed. */
export function handled<T extends Message, R, Tx>(
  { message, held }: Job<T>,
  parts: ConsumeParts<T, R, Tx>,
): Observable<Observable<Consumed<T, R>>> {
  const { handler, retries, effect, scheduler } = parts;
  return defer(() => {
    if (effect && !held?.delivery.session.canWrite) throw new UnsupportedError('consume: "effect" needs a session with an inbox');
    let attempts = 0;
    let refused: UnsupportedError | undefined;
    const history = createHistory(scheduler);
    const result$ = defer(() => {
      if (held?.delivery.session.isOver) return EMPTY;
      attempts++;
      return valuesOf(handler(message)).pipe(takeLast(1), defaultIfEmpty(undefined));
    });

    const done = (result: R | undefined): Consumed<T, R> => ({ message, attempts, status: 'done', result });
    const written = (result: R | undefined): Observable<Consumed<T, R>> => {
      const write =
        effect &&
        ((transaction: unknown): void => {
          const returned = (effect as (...values: unknown[]) => unknown)(transaction, message, result);
          if (isPromise(returned)) throw (refused = asyncEffect(returned));
        });
      return committed(held, write && { effect: write }).pipe(map(() => done(result)));
    };
    const toDeadLetter = (error: unknown) => deadLettered({ message, held, attempts, error, history: history.failures() }, parts);
    // A failed effect is retried together with its handler, before any later message.
    const processed$ = effect
      ? result$.pipe(
          mergeMap(written),
          map((one) => of(one)),
          // No retry or dead letter helps: the application cannot write any effect in this way.
          catchError((error: unknown) => (refused ? of(throwError(() => refused)) : throwError(() => error))),
        )
      : result$.pipe(map(written));
    return processed$.pipe(tap({ error: history.add }), retries(message), catchError(toDeadLetter));
  });
}

/** Returns the error of an effect that has returned a promise, whose rejection it ignores. */
function asyncEffect(returned: PromiseLike<unknown>): UnsupportedError {
  returned.then(noop, noop);
  return new UnsupportedError(
    'consume: "effect" must be synchronous, and has returned a promise: its writes would not be in the transaction',
  );
}

interface Failure<T> extends Job<T> {
  readonly attempts: number;
  readonly error: unknown;
  readonly history?: readonly FailedAttempt[];
}

/** Gives a message up. Emits an Observable, which emits when the message is processed. */
export function deadLettered<T extends Message, R, Tx>(
  { message, held, attempts, error, history }: Failure<T>,
  { onError, deadLetter, scheduler, isObserved, protect }: ConsumeParts<T, R, Tx>,
): Observable<Observable<Consumed<T, R>>> {
  return defer(() => {
    if (held?.delivery.session.isOver) return EMPTY;
    const failure = error instanceof OverflowError ? error : new HandlerError(message, attempts, error);
    const isReceived = deadLetter !== undefined || isObserved?.() === true;
    reportFailure(failure, message, { session: held?.delivery.session, onError, isReceived });
    const letter = createDeadLetter(message, error, { attempts, scheduler, ...(history && { history }) });
    const dead: Consumed<T, R> = { message, attempts, status: 'dead', error };
    // One place stores the letter: the callback, the store of the wire, or the inbox.
    const add = deadLetter ?? held?.delivery.session.deadLetter;
    const rejection = rejectionOf(failure);
    const outcome = add ? { rejection } : { rejection, deadLetter: letter };
    const store = (): HandlerWork<unknown> => add?.(letter);
    const kept$ = committed(held, outcome).pipe(map(() => dead));
    return concat(valuesOf(protect ? protect(message, outcome, store) : store()).pipe(ignoreElements()), of(kept$));
  });
}

/** Abandons the claim of a message before its error ends the stream: there is no ack. */
export function abandonOnError<V>({ held }: Job<unknown>): MonoTypeOperatorFunction<V> {
  return held ? tap({ error: () => held.abandon() }) : identity;
}

/** Emits when the session has committed the outcome; only completes if the session has ended. */
function committed(held: Claim | undefined, outcome: Pick<ClaimOutcome, 'effect' | 'deadLetter' | 'rejection'> = {}): Observable<void> {
  if (!held) return of(undefined);
  return defer(() => {
    const end$ = new AsyncSubject<void>();
    held.end({
      ...outcome,
      onDone() {
        end$.next();
        end$.complete();
      },
      onAbandoned: () => end$.complete(),
      // Only a failed effect can be handled here.
      ...(outcome.effect && { onFailed: (error) => end$.error(error) }),
    });
    return end$;
  });
}
