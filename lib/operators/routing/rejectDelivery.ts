import type { SchedulerLike } from 'rxjs';
import type { RxwireError } from '../../message/errors.js';
import { whenReady } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Claim } from '../../wire/session/messageClaim.js';
import { createDeadLetter, rejectionOf } from '../../wire/createDeadLetter.js';

interface Rejected {
  readonly message: Message;
  readonly error: unknown;
  /** The error as it was reported. */
  readonly failure: RxwireError;
  readonly scheduler: SchedulerLike;
  /** Called when the letter cannot be stored: the message is not acked. */
  readonly onFailed: (error: unknown) => void;
  readonly onDone?: () => void;
}

/** Rejects a message: the store of its wire, or the inbox of its session, keeps a dead letter. */
export function rejectDelivery(held: Claim, { message, error, failure, scheduler, onFailed, onDone }: Rejected): void {
  const letter = createDeadLetter(message, error, { scheduler });
  const outcome = { rejection: rejectionOf(failure), ...(onDone && { onDone, onAbandoned: onDone }) };
  // The next session delivers an abandoned message again: it is no dead letter.
  const { deadLetter } = held.delivery.session;
  if (deadLetter && !held.delivery.isAbandoned) whenReady(deadLetter(letter), () => held.end(outcome), onFailed);
  else held.end({ ...outcome, deadLetter: letter });
}
