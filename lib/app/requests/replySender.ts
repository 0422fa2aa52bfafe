import { nanoid } from 'nanoid';
import type { SchedulerLike, Subscriber } from 'rxjs';
import { HandlerError, RxwireError } from '../../errors.js';
import { markInternal } from '../../internal/internalSubscriptions.js';
import { wallTime } from '../../internal/steadyScheduler.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message, ReplyErrorPayload } from '../../message/types.js';
import type { HandlerRun, HandlerRunCallbacks } from './handlerRun.js';
import { reportFailure } from '../../session/consume/createDeadLetter.js';
import { replyMessage, type ReplyType } from './replyMessage.js';
import type { ReplyOptions, ReplyWire } from './replyOptions.js';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';

export interface ReplySenderOptions {
  readonly progressInterval: number;
  readonly scheduler: SchedulerLike;
  readonly describe: (error: unknown) => ReplyErrorPayload;
  readonly onError: ReplyOptions['onError'];
  /** Receives the messages to send. */
  readonly subscriber: Subscriber<Message>;
  /** Reports replies that could not be sent. */
  readonly wire: ReplyWire;
}

/**
 * Creates the sender of the replies of all requests.
 *
 * @param onUndeliverable Called with each request whose reply could not be sent: it is too large,
 *   cannot be encoded, or the queue has no room for it.
 */
export function createReplySender(options: ReplySenderOptions, onUndeliverable: (run: HandlerRun, error: Error) => void) {
  const { progressInterval, scheduler, describe, onError, subscriber, wire } = options;
  const undeliverable = wire.failures$ && trackUndeliverable(wire, onUndeliverable);
  const failures = wire.failures$?.subscribe(undeliverable?.onFailure);
  subscriber.add(failures && markInternal(failures));

  const report = wire.report && ((error: RxwireError): void => wire.report?.(error));
  // An id of its own for each reply would take as many bytes as the rest of it.
  const prefix = nanoid(12);
  let count = 0;
  const emit = (run: HandlerRun, type: ReplyType, payload: unknown, number?: number): void => {
    const reply = replyMessage(prefix + (count++).toString(36), run.message, type, payload, wallTime(scheduler), number);
    if (type !== 'reply.error') undeliverable?.add(reply, run);
    subscriber.next(reply);
  };
  const reports = createProgressReports(progressInterval, scheduler, (run, progress) => emit(run, 'reply.progress', progress));

  const send: HandlerRunCallbacks['send'] = (run, type, payload, number) => {
    reports.flush(run);
    emit(run, type, payload, number);
  };
  return {
    send,
    progress: (run: HandlerRun, progress: unknown): void => reports.add(run, progress),
    discardProgress: reports.forget,
    close: (): void => reports.clear(),
    fail(run: HandlerRun, error: unknown): void {
      const { message, terms } = run;
      try {
        send(run, 'reply.error', describe(error));
        // The caller receives the whole `RxwireError`; any other error is reported here.
        if (error instanceof RxwireError) onError?.(error, message);
        else reportFailure(new HandlerError(message, 1, error), message, report ?? terms?.complain, onError, false);
      } catch (thrown) {
        subscriber.error(thrown);
      }
    },
  };
}

/**
 * Sends progress of all requests: the first report at once, then the latest of each request per
 * interval.
 */
function createProgressReports(interval: number, scheduler: SchedulerLike, send: (run: HandlerRun, progress: unknown) => void) {
  const latest = new Map<HandlerRun, unknown>();
  let isQuiet = true;
  const timer = createCoalescedTimer(scheduler, () => {
    isQuiet = latest.size === 0;
    if (!isQuiet) timer.set(interval);
    for (const run of [...latest.keys()]) reports.flush(run);
  });

  const reports = {
    add(run: HandlerRun, progress: unknown): void {
      latest.set(run, progress);
      if (!isQuiet) return;
      isQuiet = false;
      timer.set(interval);
      reports.flush(run);
    },
    /** Sends the pending report of a request before another reply. */
    flush(run: HandlerRun): void {
      if (!latest.has(run)) return;
      const progress = latest.get(run);
      latest.delete(run);
      send(run, progress);
    },
    /** Discards the pending report of a request. */
    forget: (run: HandlerRun): void => void latest.delete(run),
    clear(): void {
      latest.clear();
      timer.clear();
    },
  };
  return reports;
}

interface SentReply {
  readonly id: string;
  readonly run: HandlerRun;
}

/** The number of replies that are remembered before those that have arrived are removed. */
const MIN_SIZE = 64;

/** Keeps the replies that may still fail. */
function trackUndeliverable(wire: ReplyWire, onFailed: (run: HandlerRun, error: Error) => void) {
  // An array, as a failure is rare, and a Map would take as long for each reply as its encoding.
  let replies: (SentReply | undefined)[] = [];
  /** The index behind the latest failed reply: a full queue drops replies in their order. */
  let next = 0;
  let maxSize = MIN_SIZE;
  return {
    add({ id }: Message, run: HandlerRun): void {
      if (replies.length >= maxSize) {
        // No receipt says that a reply has arrived: a subscriber of receipts would make all acks
        // urgent.
        replies = wire.isPending ? replies.filter((sent) => sent && wire.isPending?.(sent.id)) : replies.slice(-MIN_SIZE / 2);
        next = 0;
        maxSize = Math.max(MIN_SIZE, 2 * replies.length);
      }
      replies.push({ id, run });
    },
    onFailure: ({ id, error }: Receipt): void => {
      const index = replies[next]?.id === id ? next : replies.findIndex((reply) => reply?.id === id);
      const failed = replies[index];
      if (!failed) return;
      replies[index] = undefined;
      next = index + 1;
      if (error && !isWireClosed(error)) onFailed(failed.run, error);
    },
  };
}

/** Returns whether the wire has ended, so that no error can be sent either. */
function isWireClosed(error: Error): boolean {
  const { code, reason } = error as { readonly code?: string; readonly reason?: string };
  return code === 'ERR_WIRE_CLOSED' || (code === 'ERR_DROPPED' && reason === 'closed');
}

/**
 * Returns whether the queue of the wire is full: an error to the caller would take the place of
 * another reply, or be dropped itself.
 */
export function isQueueFull(error: Error): boolean {
  const { code, reason } = error as { readonly code?: string; readonly reason?: string };
  return code === 'ERR_OVERFLOW' || (code === 'ERR_DROPPED' && reason === 'overflow');
}
