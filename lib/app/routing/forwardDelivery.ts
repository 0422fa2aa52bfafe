import type { SchedulerLike } from 'rxjs';
import type { Message } from '../../message/types.js';
import { deliver, tellFailed, termsOf, type Claim, type Outcome } from '../../session/receive/delivery.js';
import { createDeadLetter } from '../../session/consume/createDeadLetter.js';

interface Rejected {
  readonly message: Message;
  readonly error: unknown;
  readonly scheduler: SchedulerLike;
}

/** Rejects a message. The inbox of its session stores it as a dead letter. */
export function rejectDelivery(held: Claim | undefined, { message, error, scheduler }: Rejected): void {
  held?.({ deadLetter: createDeadLetter(message, error, { scheduler }) });
}

/** Delivers a delayed message, so that operators can claim it again. It is processed when all of them are done. */
export function forwardDelivery(held: Claim, message: Message, emit: (message: Message) => void): void {
  const settle = (_: number, outcomes: readonly Outcome[]): void => held(mergeOutcomes(outcomes));
  deliver(message, emit, { ...termsOf(held), settle });
}

/** Combines several outcomes. A message has at most one dead letter. */
function mergeOutcomes(outcomes: readonly Outcome[]): Outcome {
  const effects = outcomes.flatMap(({ effect }) => effect ?? []);
  const canFail = outcomes.some(({ onFailed }) => onFailed);
  return {
    deadLetter: outcomes.find(({ deadLetter }) => deadLetter)?.deadLetter,
    ...(effects.length > 0 && { effect: (transaction) => effects.forEach((effect) => effect(transaction)) }),
    ...(canFail && { onFailed: (error) => void tellFailed(outcomes, error) }),
    onDone: () => outcomes.forEach(({ onDone }) => onDone?.()),
    onAbandoned: () => outcomes.forEach(({ onAbandoned }) => onAbandoned?.()),
  };
}
