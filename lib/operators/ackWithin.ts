import {
  concat,
  defer,
  filter,
  map,
  merge,
  noop,
  of,
  Subject,
  switchMap,
  takeWhile,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import { assertNotNegative, assertPositive, checkOptions } from '../message/development.js';
import { AckTimeoutError, OverflowError } from '../message/errors.js';
import { longTimer } from './timing/longTimer.js';
import { assertKey } from '../message/options/assertKey.js';
import { exponentialDelay } from './retryBackoff.js';
import { steadyScheduler } from '../message/steadyScheduler.js';
import type { Receipt } from '../message/receipt.js';
import type { Message } from '../message/types.js';

/** The ack of a message: its id, an `ack` message that names it, or a receipt of a wire. */
export type Ack = string | { readonly type: string; readonly correlationId?: string } | Receipt;

/** The source of acks: a wire, a Subject that also sends (as RxJS's `webSocket`), or any stream. */
export type AckSource<T> =
  { readonly receipts$: Observable<Receipt>; next(message: T): void } | (Observable<unknown> & { next?(message: never): void });

export interface AckWithinOptions<T> {
  /** The maximum number of times that a message is sent again without an ack. @default 0 */
  readonly retries?: number;
  /** How long attempt `n` (from 0) waits, in ms. @default exponentialDelay: it doubles */
  readonly backoffDelay?: (attempt: number, timeout: number) => number;
  /** Sends a message. @default `next` of the source of acks */
  readonly send?: (message: T) => void;
  /** Called with each message without an ack; the stream goes on. @default the stream fails */
  readonly onDead?: (message: T, error: Error) => void;
  /** Messages that may wait at once; one more is an `OverflowError`. @default 10_000 */
  readonly maxInFlight?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

interface Waiter {
  /** Sends the message whenever it is due; gives it up when no attempt is left. */
  readonly check: () => void;
  readonly settle: (error?: Error) => Receipt | undefined;
}

/**
 * Sends each message, waits for its ack, and emits a receipt. Without an ack it sends the same
 * message again, waiting twice as long each time (as RFC 7252, section 4.2), then fails.
 *
 *     source                      -a------------|
 *     acks                        ---a-----------
 *     ackWithin(acks, 5 ms)       ---A----------|
 *
 * A message whose id is in flight already is not sent twice, and shares the receipt.
 *
 * @param acks A wire, a Subject that also sends, or a stream of acks (then with `send`).
 * @param timeout How long the first attempt waits, in ms. The option `ackTimeout` of a wire of
 *   `envelopeProtocol` is independent of it.
 * @throws {RangeError} At call time, if a number is out of range; {TypeError} if nothing can send.
 * @throws {TypeError} Delivered, if the id of a message is undefined.
 * @throws {AckTimeoutError} Delivered, when no attempt is left, unless there is an `onDead`.
 * @throws {OverflowError} Delivered, when more than `maxInFlight` messages wait.
 * @example
 * import { of } from 'rxjs';
 * import { ackWithin, connect, createMessage, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const outgoing$ = of(createMessage('chat.said', { text: 'hello' }));
 * outgoing$
 *   .pipe(ackWithin(wire, 5_000, { retries: 3 }))
 *   .subscribe(({ status }) => console.log(status)); // prints: acked
 */
export function ackWithin<T extends { readonly id: string }>(
  acks: AckSource<T>,
  timeout: number,
  options: AckWithinOptions<T> = {},
): OperatorFunction<T, Receipt> {
  checkOptions('ackWithin', options);
  const { retries, maxInFlight, send = acks.next?.bind(acks) as ((message: T) => void) | undefined } = options;
  assertPositive('ackWithin', { timeout, maxInFlight });
  assertNotNegative('ackWithin', { retries });
  if (!send) throw new TypeError('ackWithin: "send" is missing');
  const ack$ = 'receipts$' in acks ? acks.receipts$ : acks;

  return (source) => defer(() => follow(source, ack$, timeout, { ...options, send }));
}

function follow<T extends { readonly id: string }>(
  source: Observable<T>,
  ack$: Observable<unknown>,
  timeout: number,
  options: AckWithinOptions<T>,
): Observable<Receipt> {
  const { retries = 0, backoffDelay = exponentialDelay, maxInFlight = 10_000, scheduler = steadyScheduler() } = options;
  const { send = noop, onDead = raise } = options;
  const waiting = new Map<unknown, Waiter>();
  // One timer for all messages: it fires at the earliest deadline.
  const deadline$ = new Subject<number>();
  let earliest = Infinity;
  let ended = false;

  const start = (message: T): undefined => {
    const id = assertKey('ackWithin', message.id, 'id');
    if (waiting.has(id)) return;
    if (waiting.size >= maxInFlight) throw new OverflowError('ackWithin', maxInFlight);
    const since = scheduler.now();
    let deadline = since;
    let attempts = 0;

    const settle = (error?: Error): Receipt | undefined => {
      waiting.delete(id);
      if (!error) return { id, status: 'acked', attempts, latency: scheduler.now() - since };
      onDead(message, error);
      return undefined;
    };
    const check = (): void => {
      const isDue = deadline <= scheduler.now();
      if (isDue && attempts > retries) return void settle(new AckTimeoutError(id, attempts, timeout));
      if (isDue) deadline = scheduler.now() + backoffDelay(attempts++, timeout);
      if (deadline < earliest) deadline$.next((earliest = deadline));
      if (isDue) send(message);
    };
    waiting.set(id, { check, settle });
    check();
  };
  const checkAll = (): undefined => {
    earliest = Infinity;
    waiting.forEach(({ check }) => check());
  };
  const read = (ack: unknown): Receipt | undefined => {
    const { type, correlationId, id, status, error } = Object(ack) as Partial<Message & Receipt>;
    return waiting.get(type === 'ack' ? correlationId : status === 'acked' || error ? id : ack)?.settle(error);
  };
  const wait = (deadline: number) => longTimer(deadline - scheduler.now(), scheduler);
  const end = () => of(void (ended = true));
  return merge(ack$.pipe(map(read)), deadline$.pipe(switchMap(wait), map(checkAll)), concat(source.pipe(map(start)), defer(end))).pipe(
    takeWhile(() => !ended || waiting.size > 0, true),
    filter((receipt) => receipt !== undefined),
  );
}

function raise(_: unknown, error: Error): never {
  throw error;
}
