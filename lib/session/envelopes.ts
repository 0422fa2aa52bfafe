import {
  asyncScheduler,
  concat,
  defer,
  filter,
  ignoreElements,
  map,
  merge,
  NEVER,
  of,
  skip,
  Subject,
  takeUntil,
  tap,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import { SessionLostError } from '../errors.js';
import { assertNotNegative, assertPositive } from '../internal/assert.js';
import type { Layer } from '../link/link.js';
import { createMessage } from '../message/createMessage.js';
import type { Receipt } from '../message/receipt.js';
import type { Delivery, Message } from '../message/types.js';
import type { Report } from './events.js';
import { receiver } from './receiver.js';
import { reconnecting, type ReconnectOptions } from './reconnecting.js';
import { sender } from './sender.js';
import { createWriter } from './writer.js';

export interface EnvelopeOptions {
  /** @default 'at-least-once' */
  readonly delivery?: Exclude<Delivery, 'exactly-once'>;
  /** @default from 0.5 to 30 s with full jitter, for ever */
  readonly reconnect?: ReconnectOptions;
  /** How long a message waits for its ack before it is sent again, in ms; doubled each time. @default 5_000 */
  readonly ackTimeout?: number;
  /** How often it is sent again over one connection; then it is dead. @default 5 */
  readonly maxRetries?: number;
  /** Messages in flight at most. @default 1_024 */
  readonly window?: number;
  /** Messages that may wait to be sent; past that the oldest of them is dropped, and reported. @default 10_000 */
  readonly maxQueued?: number;
  /** Messages that may wait for the first subscriber. @default 1_024 */
  readonly maxHeld?: number;
  /** How long the id of a received message is remembered, in ms. @default 300_000 */
  readonly dedupeTtl?: number;
  /** How many ids are remembered. @default 10_000 */
  readonly dedupeSize?: number;
  /** How long the end may be delayed by what is not acked yet, in ms. @default 10_000 */
  readonly drainTimeout?: number;
  /** The first message on each connection. @default none */
  readonly greeting?: () => Message;
  /** True from when somebody listens on; until then messages wait, unacked. @default always true */
  readonly listening$?: Observable<boolean>;
  /** Receipts of messages that the layer below could not encode. @default none */
  readonly unsendable$?: Observable<Receipt>;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** Told of connections, receipts and failures. */
  readonly report?: Report;
}

/**
 * The classic at-least-once over links that fail: each message is acked by an `ack` message that names it, sent again until
 * it is, and dropped by its receiver when it comes twice. Any peer that answers envelopes with `ack` messages will do.
 *
 * What is sent in one microtask travels in one frame.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * const messages = envelopes({ ackTimeout: 2_000 })(framed(json())(webSocket('ws://127.0.0.1:4870/wire')));
 */
export function envelopes(options: EnvelopeOptions = {}): Layer<Message, readonly Message[]> {
  const { delivery = 'at-least-once', reconnect = {}, ackTimeout = 5_000, maxRetries = 5, window = 1_024, maxQueued = 10_000 } = options;
  const { maxHeld = 1_024, dedupeTtl = 300_000, dedupeSize = 10_000, drainTimeout = 10_000, scheduler = asyncScheduler } = options;
  const { greeting, listening$ = of(true), unsendable$ = NEVER, report = () => undefined } = options;
  assertPositive('envelopes', { ackTimeout, window, maxQueued, maxHeld, dedupeTtl, dedupeSize });
  assertNotNegative('envelopes', { maxRetries, drainTimeout });
  const reconnected = reconnecting<readonly Message[]>(reconnect, report, scheduler);
  const acks = delivery === 'at-least-once';

  return (link) => (outgoing) =>
    defer(() => {
      const writer = createWriter({ greeting, scheduler, onOpen: () => report({ kind: 'open' }) });
      const { online$, send } = writer;
      const control$ = new Subject<Message>();
      const done$ = new Subject<void>();
      const end = (): void => done$.next();

      const received$ = link(writer.toPeer$).pipe(
        reconnected,
        map(takeControl(control$)),
        receiver({
          ...{ acks, listening$, maxHeld, ttl: dedupeTtl, maxRemembered: dedupeSize, scheduler, report },
          ack: (id) => send(createMessage('ack', null, { correlationId: id, scheduler })),
        }),
        tap({ complete: end }),
      );
      const settled$ = merge(control$, unsendable$);
      const sent$ = outgoing.pipe(
        sender({ acks, ackTimeout, maxRetries, window, maxQueued, drainTimeout, scheduler, online$, settled$, send, report }),
      );
      return merge(control$.pipe(watchWelcome(report)), received$, concat(sent$, writer.close$.pipe(tap(end), ignoreElements()))).pipe(
        takeUntil(done$),
      );
    });
}

/** Takes out of a batch what is for the session itself. */
function takeControl(control$: Subject<Message>): (batch: readonly Message[]) => readonly Message[] {
  return (batch) => {
    for (const message of batch) if (isControl(message)) control$.next(message);
    return batch.filter((message) => !isControl(message));
  };
}

function isControl({ type }: Message): boolean {
  return type === 'ack' || type === 'system.hello' || type === 'system.welcome';
}

/** A peer that had welcomed us and no longer knows us has lost what it still had to send. */
function watchWelcome(report: Report): OperatorFunction<Message, never> {
  return (control$) =>
    control$.pipe(
      filter(({ type }) => type === 'system.welcome'),
      skip(1),
      filter(({ payload }) => (Object(payload) as { resumed?: unknown }).resumed === false),
      tap(() => report({ kind: 'error', error: new SessionLostError() })),
      ignoreElements(),
    );
}
