import type { Message } from '../../message/types.js';
import { termsOfDelivery, type SessionTerms } from '../../session/receive/delivery.js';
import type { ReplyWire } from './replyOptions.js';

type Reporter = SessionTerms['complain'];

/**
 * Finds the wire that reports the failures of a request: that of the options, or the one that
 * delivers the request.
 */
export interface RequestReporters {
  /** Remembers the wire of a request. To be called while the wire delivers the request. */
  note(request: Message): void;
  readonly of: (request: Message) => Reporter;
  /**
   * Returns whether the wire that has delivered the request has ended. To be called when the source
   * has completed.
   */
  readonly hasEnded: (request: Message) => boolean;
}

/** @param isSource Whether the source of the requests is a wire: all of them end with it. */
export function createRequestReporters(wire: ReplyWire, isSource: boolean): RequestReporters {
  const own: Reporter = wire.report && ((error) => wire.report?.(error));
  const delivered = new WeakMap<Message, SessionTerms>();
  return {
    note(request) {
      const terms = own && isSource ? undefined : termsOfDelivery(request);
      if (terms) delivered.set(request, terms);
    },
    of: (request) => own ?? delivered.get(request)?.complain,
    hasEnded: (request) => isSource || delivered.get(request)?.isOver() === true,
  };
}
