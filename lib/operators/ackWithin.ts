import {
  asyncScheduler,
  defer,
  ignoreElements,
  merge,
  NEVER,
  of,
  Subject,
  switchMap,
  takeUntil,
  tap,
  timer,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import { OverflowError } from '../errors.js';
import { assertNotNegative, assertPositive } from '../internal/assert.js';
import { inFlight } from '../internal/inFlight.js';
import type { Receipt } from '../message/receipt.js';
import type { Message } from '../message/types.js';
import { exponentialDelay } from './retryBackoff.js';

/** What says that a message has arrived: its id, an `ack` message naming it, or a receipt of a wire. */
export type Ack = string | { readonly type: string; readonly correlationId?: string } | Receipt;

/** Where acks come from: a wire, a Subject that also sends (as RxJS's own `webSocket`), or any stream of acks. */
export type AckSource<T> =
  { readonly receipts$: Observable<Receipt>; next(message: T): void } | (Observable<unknown> & { next?(message: T): void });

export interface AckWithinOptions<T> {
  /** How often a message is sent again at most when no ack comes. @default 0 */
  readonly retries?: number;
  /** How long attempt `n` (from 0) waits, in ms. @default exponentialDelay: the timeout, doubled each time */
  readonly backoffDelay?: (attempt: number, timeout: number) => number;
  /** Sends a message. @default `next` of the source of acks */
  readonly send?: (message: T) => void;
  /** False while nothing can be sent: no time runs. When it turns true all that waits is sent again, in order. @default always true */
  readonly online$?: Observable<boolean>;
  /** Gets what no ack came for, and the stream goes on. @default the stream ends with the error */
  readonly onDead?: (message: T, error: Error) => void;
  /** Messages that may wait at once; one more is an `OverflowError`. @default 10_000 */
  readonly maxInFlight?: number;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
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
  const { online$ = of(true), send = sendVia(acks), onDead } = options;
  const ackStream: Observable<unknown> = 'receipts$' in acks ? acks.receipts$ : acks;
  assertPositive('ackWithin', { timeout, maxInFlight });
  assertNotNegative('ackWithin', { retries });

  return (source) =>
    defer(() => {
      const receipts$ = new Subject<Receipt>();
      const settled$ = new Subject<void>();
      const wake$ = new Subject<number>();
      let sourceDone = false;

      const flight = inFlight<T>({
        ...{ timeout, retries, backoffDelay, scheduler, send },
        acked: (receipt) => receipts$.next(receipt),
        dead: (message, error) => {
          if (!onDead) throw error;
          onDead(message, error);
        },
        wake: (at) => wake$.next(at),
      });
      const start = (message: T): void => {
        if (flight.has(message.id)) return;
        if (flight.size() >= maxInFlight) throw new OverflowError('ackWithin', maxInFlight);
        flight.start(message);
      };
      const finish = (): void => {
        if (!sourceDone || flight.size() > 0) return;
        settled$.next();
        receipts$.complete();
      };
      const complete = (): void => {
        sourceDone = true;
        finish();
      };

      const alarm$ = wake$.pipe(switchMap((at) => (at === Infinity ? NEVER : timer(Math.max(0, at - scheduler.now()), scheduler))));
      const clock$ = alarm$.pipe(tap(() => flight.inspect()));
      const acked$ = ackStream.pipe(tap((ack) => settle(ack, flight)));
      const link$ = online$.pipe(tap((online) => flight.switchOnline(online)));
      return merge(
        receipts$,
        merge(clock$, acked$, link$).pipe(tap(finish), takeUntil(settled$), ignoreElements()),
        source.pipe(tap({ next: start, complete }), ignoreElements()),
      );
    });
}

function settle(ack: unknown, flight: { settle(id: unknown, failure?: Error): void }): void {
  if (typeof ack === 'string') flight.settle(ack);
  const { type, correlationId, id, status, error } = Object(ack) as Partial<Message & Receipt>;
  if (type === 'ack') flight.settle(correlationId);
  else if (status === 'acked' || error) flight.settle(id, error);
}

function sendVia<T>(acks: AckSource<T>): (message: T) => void {
  if (!acks.next) throw new TypeError('ackWithin: "send" is needed, as these acks are no Subject that sends');
  return (message) => acks.next?.(message);
}
