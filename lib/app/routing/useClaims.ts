import type { SchedulerLike } from 'rxjs';
import type { Message } from '../../message/types.js';
import { deliver, tellFailed, type Claim, type Outcome } from '../../session/receive/delivery.js';
import { createDeadLetter } from '../../session/consume/deadLetter.js';

interface Unused {
  readonly message: Message;
  readonly error: unknown;
  readonly scheduler: SchedulerLike;
}

/** Gives a message up; the session's inbox keeps it as a dead letter. */
export function bury(held: Claim | undefined, { message, error, scheduler }: Unused): void {
  held?.({ deadLetter: createDeadLetter(message, error, { scheduler }) });
}

/** Hands a message over that was kept for a while, so that it can be claimed anew: it is processed when those who do that are done with it. */
export function handOver(held: Claim, message: Message, emit: (message: Message) => void): void {
  const { canWrite, isOver, complain } = held;
  const settle = (_: number, outcomes: readonly Outcome[]): void => held(joined(outcomes));
  deliver(message, emit, { canWrite, isOver, ...(complain && { complain }), settle });
}

/** Several outcomes as one. A message has one dead letter, whoever else has failed with it. */
function joined(outcomes: readonly Outcome[]): Outcome {
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
