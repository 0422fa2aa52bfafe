import type { Message } from '../../message/types.js';
import { termsOfDelivery, type SessionTerms } from '../../session/receive/delivery.js';
import type { ReplyWire } from './replyOptions.js';

type Reporter = SessionTerms['complain'];

/** Finds the wire that reports the failures of a request: that of the options, or the one that delivers the request. */
export interface RequestReporters {
  /** Remembers the wire of a request. To be called while the wire delivers the request. */
  note(request: Message): void;
  readonly of: (request: Message) => Reporter;
}

export function createRequestReporters(wire: ReplyWire): RequestReporters {
  const own: Reporter = wire.report && ((error) => wire.report?.(error));
  const delivered = new WeakMap<Message, NonNullable<Reporter>>();
  return {
    note(request) {
      const complain = own ? undefined : termsOfDelivery(request)?.complain;
      if (complain) delivered.set(request, complain);
    },
    of: (request) => own ?? delivered.get(request),
  };
}
