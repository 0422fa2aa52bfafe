import type { SchedulerLike, Subscriber } from 'rxjs';
import { HandlerError, RxwireError } from '../../errors.js';
import type { Message, ReplyErrorPayload } from '../../message/types.js';
import type { AnswerParts } from './answer.js';
import { createProgressReports } from './progressReports.js';
import type { ReplyType } from './answerTypes.js';
import { replyMessage } from './replyMessage.js';
import type { ReplyOptions } from './replyOptions.js';
import { createUnsent, type ReplyWire } from './unsent.js';

export interface SpeechOptions {
  readonly progressInterval: number;
  readonly scheduler: SchedulerLike;
  readonly describe: (error: unknown) => ReplyErrorPayload;
  readonly onError: ReplyOptions['onError'];
  /** Gets what is to be sent. */
  readonly subscriber: Subscriber<Message>;
  /** Tells what has become of that. */
  readonly wire: ReplyWire;
}

/** What is said to those who asked. */
export interface Speech extends Omit<AnswerParts, 'onEnd'> {
  close(): void;
}

/** @param onUnsent Told of requests of which a reply could not be sent. */
export function createSpeech(options: SpeechOptions, onUnsent: (request: Message, error: Error) => void): Speech {
  const { progressInterval, scheduler, describe, onError, subscriber, wire } = options;
  const unsent = wire.receipts$ && createUnsent(wire, onUnsent);
  subscriber.add(wire.receipts$?.subscribe(unsent?.onReceipt));

  const send = (request: Message, type: ReplyType, payload: unknown, number?: number): void => {
    const reply = replyMessage(request, type, payload, scheduler.now(), number);
    if (type !== 'reply.error') unsent?.note(reply, request);
    subscriber.next(reply);
  };
  const reports = createProgressReports(progressInterval, scheduler, (request, progress) => send(request, 'reply.progress', progress));

  const say: AnswerParts['say'] = (request, type, payload, number) => {
    reports.flush(request);
    send(request, type, payload, number);
  };
  return {
    say,
    progress: reports.add,
    forget: reports.forget,
    close: reports.clear,
    fail(message, error) {
      try {
        say(message, 'reply.error', describe(error));
        // Of what was meant to cross, the caller knows.
        if (!(error instanceof RxwireError)) wire.report?.(new HandlerError(message, 1, error));
        onError?.({ message, error });
      } catch (thrown) {
        subscriber.error(thrown);
      }
    },
  };
}
