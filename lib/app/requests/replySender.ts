import type { SchedulerLike, Subscriber } from 'rxjs';
import { HandlerError, RxwireError } from '../../errors.js';
import { markInternal } from '../../internal/internalSubscriptions.js';
import { wallTime } from '../../internal/steadyScheduler.js';
import type { Message, ReplyErrorPayload } from '../../message/types.js';
import type { HandlerRunCallbacks } from './handlerRun.js';
import { reportFailure } from '../../session/consume/reportFailure.js';
import type { SessionTerms } from '../../session/receive/delivery.js';
import { createProgressReports } from './progressReports.js';
import type { ReplyType } from './replyTypes.js';
import { replyMessage } from './replyMessage.js';
import type { ReplyOptions, ReplyWire } from './replyOptions.js';
import { trackUndeliverable } from './undeliverableReplies.js';

export interface ReplySenderOptions {
  readonly progressInterval: number;
  readonly scheduler: SchedulerLike;
  readonly describe: (error: unknown) => ReplyErrorPayload;
  readonly onError: ReplyOptions['onError'];
  /** Receives the messages to send. */
  readonly subscriber: Subscriber<Message>;
  /** Reports replies that could not be sent. */
  readonly wire: ReplyWire;
  /**
   * Returns the function that reports the failure of a request in `errors$` of a wire; undefined if
   * there is no wire.
   */
  readonly reporterOf: (request: Message) => SessionTerms['complain'];
}

/** Sends the replies of all requests. */
export interface ReplySender extends Omit<HandlerRunCallbacks, 'onEnd'> {
  close(): void;
}

/** @param onUndeliverable Called with each request whose reply could not be sent. */
export function createReplySender(options: ReplySenderOptions, onUndeliverable: (request: Message, error: Error) => void): ReplySender {
  const { progressInterval, scheduler, describe, onError, subscriber, wire, reporterOf } = options;
  const undeliverable = wire.failures$ && trackUndeliverable(wire, onUndeliverable);
  const failures = wire.failures$?.subscribe(undeliverable?.onFailure);
  subscriber.add(failures && markInternal(failures));

  const emit = (request: Message, type: ReplyType, payload: unknown, number?: number): void => {
    const reply = replyMessage(request, type, payload, wallTime(scheduler), number);
    if (type !== 'reply.error') undeliverable?.add(reply, request);
    subscriber.next(reply);
  };
  const reports = createProgressReports(progressInterval, scheduler, (request, progress) => emit(request, 'reply.progress', progress));

  const send: HandlerRunCallbacks['send'] = (request, type, payload, number) => {
    reports.flush(request);
    emit(request, type, payload, number);
  };
  return {
    send,
    progress: reports.add,
    discardProgress: reports.forget,
    close: reports.clear,
    fail(message, error) {
      try {
        send(message, 'reply.error', describe(error));
        // The caller receives the whole `RxwireError`; any other error is reported here.
        if (error instanceof RxwireError) onError?.(error, message);
        else reportFailure(new HandlerError(message, 1, error), message, { complain: reporterOf(message), onError, isReceived: false });
      } catch (thrown) {
        subscriber.error(thrown);
      }
    },
  };
}
