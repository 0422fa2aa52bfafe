import {
  AsyncSubject,
  asyncScheduler,
  catchError,
  concat,
  defaultIfEmpty,
  defer,
  EMPTY,
  from,
  ignoreElements,
  map,
  mergeAll,
  mergeMap,
  of,
  takeLast,
  type Observable,
  type ObservableInput,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import { UnsupportedError } from '../errors.js';
import { assertPositive } from '../internal/assert.js';
import type { Message } from '../message/types.js';
import { retryBackoff, type RetryBackoffConfig } from '../operators/retryBackoff.js';
import { claim, type Claim, type Outcome } from './claims.js';
import type { DeadLetter } from './store/inbox.js';

/** What a callback does: at once, or until what it returns has completed. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a callback that returns nothing is one
export type HandlerWork<R> = ObservableInput<R> | void;

export interface ConsumeOptions<T, R, Tx> {
  /** Handlers that run at once. They start in order; only 1 keeps what they do in order, too. @default 1 */
  readonly concurrency?: number;
  /** How a handler that fails is tried again, as with `retryBackoff`; `false`: not at all. @default 3 times, after 100, 200 and 400 ms */
  readonly retry?: Partial<Omit<RetryBackoffConfig, 'scheduler' | 'resetOnSuccess'>> | false;
  /** Gets what has failed for good. The message counts as processed when it is through with that. */
  readonly deadLetter?: (letter: DeadLetter) => HandlerWork<unknown>;
  /**
   * Writes what a message brings about, in one transaction with the cursor of the session's inbox. It must not wait for anything. A throw
   * undoes the transaction, and is a failure of the handler.
   */
  readonly effect?: (transaction: Tx, message: T, result: R | undefined) => void;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/** A message that is processed. */
export type Consumed<T, R> = {
  readonly message: T;
  /** How often the handler was called. */
  readonly attempts: number;
} & (
  | {
      readonly status: 'done';
      /** The last value of the handler. */
      readonly result: R | undefined;
    }
  | {
      readonly status: 'dead';
      /** What the last attempt failed with. */
      readonly error: unknown;
    }
);

/**
 * Processes messages: each counts as processed, and is acked, when its handler has completed. So a slow handler slows the sender, and what
 * a crash interrupts comes again. A handler that keeps failing ends in a dead letter, never the stream.
 *
 *     source                 -ab-----c--|
 *     consume(takes 3 ms)    ----a--b---(c|)
 *
 * Emits each message once it is processed (where the session has an inbox: once that has stored it), with the last value of its handler, or
 * as `dead`. When the session ends before that, it is not emitted, and comes again: what waits is not started any more, what runs goes on.
 *
 * Messages are claimed from the session while it hands them over: nothing may delay them before they are here, so `ofType` and `filter`
 * may come first, `delay` may not. What no session hands over is processed just the same.
 *
 * Unsubscribe it together with its wire: that ends what runs, unacked. On a wire that lives on, those messages would stay unacked, and
 * those that come next would have no handler.
 *
 * @param handler Called with each message. Its work is done when what it returns completes, or at once.
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {UnsupportedError} Delivered, with `effect`, for a message of a session that has no inbox.
 * @throws What `deadLetter` throws, delivered: the message is not acked.
 * @example
 * wire.pipe(ofType('execution.output'), consume(({ payload }) => save(payload.data), { concurrency: 4 })).subscribe();
 * @example
 * of(createMessage('chat.said', 'hello'))
 *   .pipe(consume(({ payload }) => Promise.resolve(`${payload}!`)))
 *   .subscribe((consumed) => console.log(consumed.status === 'done' && consumed.result)); // prints: hello!
 */
export function consume<T extends Message, R = unknown, Tx = unknown>(
  handler: (message: T) => HandlerWork<R>,
  options: ConsumeOptions<T, R, Tx> = {},
): OperatorFunction<T, Consumed<T, R>> {
  const { concurrency = 1, retry = {}, scheduler = asyncScheduler } = options;
  assertPositive('consume', { concurrency });
  const config = retry === false ? { maxRetries: 0 } : retry;
  const retried = retryBackoff({ initialInterval: 100, maxRetries: 3, ...config, scheduler });
  const parts = { ...options, handler, retried, scheduler };

  return (source) =>
    source.pipe(
      map((message) => ({ message, held: claim(message) })),
      mergeMap(({ message, held }) => processOne(message, held, parts), concurrency),
      // The next one need not wait until this one is written: many share a transaction.
      mergeAll(),
    );
}

interface Parts<T, R, Tx> extends Omit<ConsumeOptions<T, R, Tx>, 'retry'> {
  readonly handler: (message: T) => HandlerWork<R>;
  readonly retried: <V>(source: Observable<V>) => Observable<V>;
  readonly scheduler: SchedulerLike;
}

/** Emits once its handler is through with it: what then emits when it is processed. */
function processOne<T extends Message, R, Tx>(
  message: T,
  held: Claim | undefined,
  { handler, retried, effect, deadLetter, scheduler }: Parts<T, R, Tx>,
): Observable<Observable<Consumed<T, R>>> {
  return defer(() => {
    if (effect && !held?.canWrite) throw new UnsupportedError('consume: "effect" needs a session with an inbox');
    let attempts = 0;
    const handled$ = defer(() => {
      if (held?.isOver()) return EMPTY;
      attempts++;
      return work(handler(message)).pipe(takeLast(1), defaultIfEmpty(undefined));
    });

    const done = (result: R | undefined): Consumed<T, R> => ({ message, attempts, status: 'done', result });
    const written = (result: R | undefined): Observable<Consumed<T, R>> => {
      const write = effect && ((transaction: unknown): void => effect(transaction as Tx, message, result));
      return settled(held, write && { effect: write }).pipe(map(() => done(result)));
    };
    const bury = (error: unknown): Observable<Observable<Consumed<T, R>>> => {
      if (held?.isOver()) return EMPTY;
      const letter = { message, reason: reasonOf(error), attempts, at: scheduler.now() };
      const told$ = defer(() => work(deadLetter?.(letter))).pipe(ignoreElements());
      const dead: Consumed<T, R> = { message, attempts, status: 'dead', error };
      return concat(told$, of(settled(held, { deadLetter: letter }).pipe(map(() => dead))));
    };
    // An effect that fails is tried again with its handler, before anything that comes later.
    const processed$ = effect
      ? handled$.pipe(
          mergeMap(written),
          map((one) => of(one)),
        )
      : handled$.pipe(map(written));
    return processed$.pipe(retried, catchError(bury));
  });
}

function work<R>(returned: HandlerWork<R>): Observable<R> {
  return returned ? from(returned) : EMPTY;
}

/** Emits when the session has written it; completes without that, when it has ended before. */
function settled(held: Claim | undefined, outcome: Pick<Outcome, 'effect' | 'deadLetter'> = {}): Observable<void> {
  if (!held) return of(undefined);
  return defer(() => {
    const end$ = new AsyncSubject<void>();
    held({
      ...outcome,
      onDone() {
        end$.next();
        end$.complete();
      },
      onAbandoned: () => end$.complete(),
      // Nobody could do anything about a failure but that of an effect.
      ...(outcome.effect && { onFailed: (error) => end$.error(error) }),
    });
    return end$;
  });
}

function reasonOf(error: unknown): string {
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'string') return code;
  return typeof message === 'string' ? message : String(error);
}
