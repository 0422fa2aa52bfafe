import { nanoid } from 'nanoid';
import type { SchedulerLike, Subscriber } from 'rxjs';
import { HandlerError, RxwireError } from '../../errors.js';
import { markInternal } from '../../internal/internalSubscriptions.js';
import { wallTime } from '../../internal/steadyScheduler.js';
import type { Message, ReplyErrorPayload } from '../../message/types.js';
import type { HandlerRun, HandlerRunCallbacks } from './handlerRun.js';
import { reportFailure } from '../../session/consume/reportFailure.js';
import type { ReplyType } from './replyTypes.js';
import { replyMessage } from './replyMessage.js';
import type { ReplyOptions, ReplyWire } from './replyOptions.js';
import { trackUndeliverable } from './undeliverableReplies.js';
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

/** Sends the replies of all requests. */
export interface ReplySender extends Omit<HandlerRunCallbacks, 'onEnd'> {
  close(): void;
}

/** @param onUndeliverable Called with each request whose reply could not be sent. */
export function createReplySender(options: ReplySenderOptions, onUndeliverable: (run: HandlerRun, error: Error) => void): ReplySender {
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
    progress: (run, progress) => reports.add(run, progress),
    discardProgress: reports.forget,
    close: () => reports.clear(),
    fail(run, error) {
      const { message, terms } = run;
      try {
        send(run, 'reply.error', describe(error));
        // The caller receives the whole `RxwireError`; any other error is reported here.
        if (error instanceof RxwireError) onError?.(error, message);
        else
          reportFailure(new HandlerError(message, 1, error), message, { complain: report ?? terms?.complain, onError, isReceived: false });
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
