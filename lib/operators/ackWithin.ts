import {
  asyncScheduler,
  defer,
  ignoreElements,
  merge,
  Subject,
  switchMap,
  takeUntil,
  tap,
  timer,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import { AckTimeoutError, OverflowError } from '../errors.js';
import { assertNotNegative, assertPositive } from '../internal/assert.js';
import type { Receipt } from '../message/receipt.js';
import type { Message } from '../message/types.js';
import { exponentialDelay } from '../internal/delays.js';

/** What says that a message has arrived: its id, an `ack` message naming it, or a receipt of a wire. */
export type Ack = string | { readonly type: string; readonly correlationId?: string } | Receipt;

/** Where acks come from: a wire, a Subject that also sends (as RxJS's own `webSocket`), or any stream of acks. */
export type AckSource<T> =
  { readonly receipts$: Observable<Receipt>; next(message: T): void } | (Observable<unknown> & { next?(message: never): void });

export interface AckWithinOptions<T> {
  /** How often a message is sent again at most when no ack comes. @default 0 */
  readonly retries?: number;
  /** How long attempt `n` (from 0) waits, in ms. @default exponentialDelay: the timeout, doubled each time */
  readonly backoffDelay?: (attempt: number, timeout: number) => number;
  /** Sends a message. @default `next` of the source of acks */
  readonly send?: (message: T) => void;
  /** Gets what no ack came for, and the stream goes on. @default the stream ends with the error */
  readonly onDead?: (message: T, error: Error) => void;
  /** Messages that may wait at once; one more is an `OverflowError`. @default 10_000 */
  readonly maxInFlight?: number;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

interface Waiter<T> {
  readonly message: T;
  readonly since: number;
  attempts: number;
  deadline: number;
}

/**
 * Sends each message, waits for its ack, and emits a receipt. Without an ack it sends the same message again, waiting
 * twice as long each time (as RFC 7252, section 4.2), then fails.
 *
 *     source                      -a------------|
 *     acks                        ---a-----------
 *     ackWithin(acks, 5 ms)       ---A----------|
 *
 * A message whose id is in flight already is the same message: it is not sent twice, and shares the receipt.
 *
 * @param acks A wire, a Subject that sends and receives, or a stream of acks (then `send` is needed).
 * @param timeout How long the first attempt waits, in ms.
 * @throws {RangeError} At call time, if a number is out of range; {TypeError} if nothing can send.
 * @throws {AckTimeoutError} Delivered, when no attempt is left, unless `onDead` takes it.
 * @throws {OverflowError} Delivered, when more than `maxInFlight` messages wait.
 * @example
 * outgoing$.pipe(ackWithin(wire, 5_000, { retries: 3 })).subscribe((receipt) => draw(receipt.latency));
 */
export function ackWithin<T extends { readonly id: string }>(
  acks: AckSource<T>,
  timeout: number,
  options: AckWithinOptions<T> = {},
): OperatorFunction<T, Receipt> {
  const { retries = 0, backoffDelay = exponentialDelay, maxInFlight = 10_000, scheduler = asyncScheduler } = options;
  const { send = acks.next && ((message) => acks.next?.(message as never)), onDead = raise } = options;
  const ack$: Observable<unknown> = 'receipts$' in acks ? acks.receipts$ : acks;
  assertPositive('ackWithin', { timeout, maxInFlight });
  assertNotNegative('ackWithin', { retries });
  if (!send) throw new TypeError('ackWithin: "send" is needed, these acks cannot');

  return (source) =>
    defer(() => {
      const waiting = new Map<unknown, Waiter<T>>();
      const receipts$ = new Subject<Receipt>();
      const done$ = new Subject<void>();
      // One alarm for all: it wakes at the earliest deadline, and looks at everything that waits.
      const alarm$ = new Subject<number>();
      let wakeAt = Infinity;
      let ended = false;

      const wake = (deadline: number): void => {
        if (deadline < wakeAt) alarm$.next((wakeAt = deadline));
      };
      const attempt = (waiter: Waiter<T>): void => {
        waiter.deadline = scheduler.now() + backoffDelay(waiter.attempts++, timeout);
        wake(waiter.deadline);
        send(waiter.message);
      };
      const start = (message: T): void => {
        if (waiting.has(message.id)) return;
        if (waiting.size >= maxInFlight) throw new OverflowError('ackWithin', maxInFlight);
        const waiter = { message, since: scheduler.now(), attempts: 0, deadline: 0 };
        waiting.set(message.id, waiter);
        attempt(waiter);
      };
      const settle = (id: unknown, failure?: Error): void => {
        const waiter = waiting.get(id);
        if (!waiter) return;
        waiting.delete(id);
        if (failure) onDead(waiter.message, failure);
        else receipts$.next({ id: waiter.message.id, status: 'acked', attempts: waiter.attempts, latency: scheduler.now() - waiter.since });
        finish();
      };
      const inspect = (): void => {
        wakeAt = Infinity;
        for (const [id, waiter] of waiting) {
          if (waiter.deadline > scheduler.now()) wake(waiter.deadline);
          else if (waiter.attempts <= retries) attempt(waiter);
          else settle(id, new AckTimeoutError(waiter.message.id, waiter.attempts, timeout));
        }
      };
      const read = (ack: unknown): void => {
        const { type, correlationId, id, status, error } = Object(ack) as Partial<Message & Receipt>;
        settle(type === 'ack' ? correlationId : status === 'acked' || error ? id : ack, error);
      };
      const finish = (): void => {
        if (ended && waiting.size === 0) done$.next();
      };
      const end = (): void => {
        ended = true;
        finish();
      };
      const effects$ = merge(
        alarm$.pipe(
          switchMap((at) => timer(at - scheduler.now(), scheduler)),
          tap(inspect),
        ),
        ack$.pipe(tap(read)),
        source.pipe(tap({ next: start, complete: end })),
      );
      return merge(receipts$, effects$.pipe(ignoreElements())).pipe(takeUntil(done$));
    });
}

function raise(_: unknown, error: Error): never {
  throw error;
}
