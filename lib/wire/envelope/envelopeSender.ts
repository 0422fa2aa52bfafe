import {
  asapScheduler,
  concat,
  defer,
  EMPTY,
  finalize,
  ignoreElements,
  merge,
  NEVER,
  type Observable,
  of,
  type SchedulerLike,
  startWith,
  Subject,
  takeUntil,
  takeWhile,
  tap,
  throwError,
  timer,
} from 'rxjs';
import {
  DrainTimeoutError,
  type DropReason,
  MessageDroppedError,
  NotEncryptedError,
  UndeliveredError,
  type UndeliveredMessages,
} from '../../message/errors.js';
import { longTimer } from '../../operators/timing/longTimer.js';
import { completionOf } from '../../operators/subscribing/completionOf.js';
import type { Receipt } from '../../message/receipt.js';
import { MessageQueue } from '../../core/messageQueue.js';
import type { Message } from '../../message/types.js';
import { ackWithin } from '../../operators/ackWithin.js';
import type { FullEnvelopeOptions } from './envelopeOptions.js';
import { isUnencrypted } from '../../codec/seal/encryptedPayload.js';
import { wallTime } from '../../message/steadyScheduler.js';
import { isExpired } from '../../message/isExpired.js';
import type { OutgoingMessages, Report } from '../session/sessionEvents.js';

/** Messages in one batch at most: a quarter of the window. */
const MAX_BATCH = 256;
/** How long the peer may take to close the connection after our goodbye, in ms. */
const CLOSE_TIMEOUT = 5_000;

/**
 * Returns a function that creates the sender of one session. A message waits until there is a link
 * and room in the window; then it is in flight until it is acked or dead.
 */
export function envelopeSender(options: FullEnvelopeOptions) {
  const { delivery, ackTimeout, maxRetries, window, maxQueued, drainTimeout, unsendable$ = NEVER, scheduler, report } = options;
  const isAcked = delivery !== 'at-most-once';

  return (acks$: Observable<Message>) => {
    const { toPeer, send, close$ } = createBatchWriter(options);
    const { pending, inFlight, settled$, accept, take, reportReceipt, settle, giveUp } = createEnvelopeOutbox(maxQueued, scheduler, report);
    // Observed while there is a link.
    const sending$ = new Subject<Message>();
    let isPumping = false;
    const session: OutgoingMessages = {
      pending,
      steps: () => [['sent', [...inFlight.values()]]],
      queued: () => pending.size - inFlight.size,
      room: () => maxQueued + inFlight.size - pending.size,
    };
    report({ kind: 'started', session });

    const pump = (): void => {
      // A message that the application sends in answer to a receipt follows the message of the
      // receipt.
      if (isPumping) return;
      isPumping = true;
      for (let message; sending$.observed && inFlight.size < window && (message = take());) {
        const receipt: Receipt = { id: message.id, status: 'sent', attempts: 1 };
        if (isAcked) reportReceipt(receipt);
        sending$.next(message);
        if (!isAcked) settle(message.id, receipt);
      }
      isPumping = false;
    };
    const end = (receipt: Receipt): void => {
      settle(receipt.id, receipt);
      pump();
    };
    const onDead = ({ id }: Message, error: Error): void => end({ id, status: 'dead', error });
    const opened$ = defer(() => {
      report({ kind: 'open' });
      pump();
      return EMPTY;
    });
    // Each connection begins with the messages in flight, in order, before those that have waited.
    const acked$ = defer(() => concat([...inFlight.values()], sending$)).pipe(
      ackWithin(merge(acks$, unsendable$), ackTimeout, { retries: maxRetries, maxInFlight: window, send, onDead, scheduler }),
    );
    const unacked$ = merge(sending$.pipe(tap(send), ignoreElements()), unsendable$);
    const drained$ = settled$.pipe(
      startWith(undefined),
      takeWhile(() => pending.size > 0),
      takeUntil(longTimer(drainTimeout, scheduler)),
    );
    let failure: UndeliveredError | undefined;
    const leave = (timeout?: number): void => {
      const left = giveUp();
      if (left) failure ??= timeout === undefined ? new UndeliveredError(left) : new DrainTimeoutError(left, timeout);
    };
    const dropRest$ = defer(() => {
      leave(drainTimeout);
      return EMPTY;
    });
    return {
      send,
      toPeer$: defer(() => toPeer(merge((isAcked ? acked$ : unacked$).pipe(tap(end), ignoreElements()), opened$))),
      /**
       * Sends the messages of a source. Completes when the peer had time to close the connection.
       */
      run: (source: Observable<Message>): Observable<never> =>
        concat(source.pipe(tap(accept), tap(pump)), drained$, dropRest$, close$).pipe(
          ignoreElements(),
          finalize(() => leave()),
        ),
      /** Fails if messages were left when the session ended. To be subscribed to after `run`. */
      ended$: defer((): Observable<never> => {
        const error = failure;
        return error ? throwError(() => error) : EMPTY;
      }),
    };
  };
}

/** Creates the writer of batches. The messages of one microtask are one batch. */
function createBatchWriter({ firstMessage, scheduler }: FullEnvelopeOptions) {
  const batches$ = new Subject<readonly Message[]>();
  let batch: Message[] = [];

  const flush = (): void => {
    const full = batch;
    batch = [];
    if (full.length > 0) batches$.next(full);
  };
  return {
    /** Returns the batches of one connection, while a link and `work$` are subscribed to. */
    toPeer: (work$: Observable<never>): Observable<readonly Message[]> =>
      // The first message is sent even when only a goodbye follows: it identifies the session that
      // ends.
      concat(firstMessage ? of([firstMessage()]) : EMPTY, merge(batches$, work$).pipe(takeUntil(completionOf(batches$)))),
    /** Adds a message to the next batch. The message is lost when there is no link. */
    send: (message: Message): void => {
      if (batch.push(message) === 1) asapScheduler.schedule(flush);
      else if (batch.length >= MAX_BATCH) flush();
    },
    /** Completes the batches. Emits when the peer takes too long to close the connection. */
    close$: defer(() => {
      const closeTimeout = batches$.observed ? CLOSE_TIMEOUT : 0;
      flush();
      batches$.complete();
      return timer(closeTimeout, scheduler);
    }),
  };
}

/** Keeps messages by priority until they are taken, and by id until they are settled. */
function createEnvelopeOutbox(maxQueued: number, scheduler: SchedulerLike, report: Report) {
  const queue = new MessageQueue();
  const pending = new Map<string, Message>();
  const inFlight = new Map<string, Message>();
  const settled$ = new Subject<void>();

  const reportReceipt = (receipt: Receipt): void => {
    const { latency } = receipt;
    if (latency !== undefined) report({ kind: 'latency', latency });
    report({ kind: 'receipt', receipt });
    if (receipt.error) report({ kind: 'error', error: receipt.error });
  };
  const settle = (id: string, receipt?: Receipt): void => {
    pending.delete(id);
    inFlight.delete(id);
    if (receipt) reportReceipt(receipt);
    settled$.next();
  };
  const drop = (id: string, reason: DropReason): void =>
    settle(id, { id, status: reason === 'expired' ? reason : 'dead', error: new MessageDroppedError(id, reason) });
  const hasExpired = (message: Message, date: number): boolean => {
    const isGone = isExpired(message, date);
    if (isGone) drop(message.id, 'expired');
    return isGone;
  };

  return {
    /** Messages that are not settled, in the order of arrival: they wait, or are in flight. */
    pending: pending as ReadonlyMap<string, Message>,
    /** Messages that were taken and are not settled, in order. */
    inFlight: inFlight as ReadonlyMap<string, Message>,
    settled$,
    /** Adds a message, unless a message of the same id is pending. */
    accept: (message: Message): void => {
      const { id } = message;
      if (pending.has(id)) return;
      // No codec of envelopes encrypts.
      if (isUnencrypted(message)) {
        reportReceipt({ id, status: 'dead', error: new NotEncryptedError(message) });
        return;
      }
      pending.set(id, message);
      const dropped = queue.push(message, maxQueued, 'drop-lowest');
      reportReceipt({ id, status: 'queued' });
      if (dropped) drop(dropped.id, 'overflow');
    },
    /** Returns the next message to send, if any, and drops those that have expired. */
    take: (): Message | undefined => {
      const [message] = queue.take(1, wallTime(scheduler), { isGone: hasExpired });
      if (message) inFlight.set(message.id, message);
      return message;
    },
    reportReceipt,
    /** Removes a message, and reports its last receipt unless that was reported before. */
    settle,
    /** Drops all messages that are not settled, and returns them; `undefined` if there are none. */
    giveUp: (): UndeliveredMessages | undefined => {
      const ids = [...pending.keys()];
      ids.forEach((id) => drop(id, 'closed'));
      return ids.length > 0 ? { count: ids.length, ids, kept: 0 } : undefined;
    },
  };
}
