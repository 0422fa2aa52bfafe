import type { SchedulerLike } from 'rxjs';
import { UnhandledError, type RxwireError } from '../errors.js';
import { whenReady } from '../internal/maybeAsync.js';
import type { Message } from '../message/types.js';
import { createDeadLetter, rejectionOf } from '../session/consume/createDeadLetter.js';
import { claim } from '../session/receive/delivery.js';

/**
 * The messages that the other side sends for requests, channels and the connection: they may arrive
 * after their last subscriber has unsubscribed.
 */
const OF_PROTOCOLS = /^(system\.|reply(\.|$)|request\.cancel$|channel\.(?!publish$))/;

/**
 * Handles a message that arrives when the wire has no subscriber any more: reports it, keeps it as
 * a dead letter, and rejects it: the sender receives the reason with the ack.
 */
export function rejectUnreceived(message: Message, wire: { report(error: RxwireError): void }, scheduler: SchedulerLike): void {
  const held = claim(message);
  if (OF_PROTOCOLS.test(message.type)) {
    held?.end();
    return;
  }
  const error = new UnhandledError(message);
  wire.report(error);
  const letter = createDeadLetter(message, error, { scheduler });
  const rejection = rejectionOf(error);
  const onFailed = (reason: unknown): void => wire.report(reason as RxwireError);
  const keep = held?.delivery.session.keep;
  if (!keep) held?.end({ deadLetter: letter, rejection });
  else whenReady(keep(letter), () => held.end({ rejection }), onFailed);
}
