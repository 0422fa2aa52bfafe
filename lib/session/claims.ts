import type { Message } from '../message/types.js';
import type { Completion } from './store/inbox.js';

/** How a claimed message ended. */
export interface Outcome extends Completion<unknown> {
  /** Told when what was to be written could not be: the message is still claimed. */
  readonly onFailed?: (error: unknown) => void;
}

/** A message while its subscribers get it. */
interface Offer {
  readonly message: Message;
  readonly settle: (outcomes: readonly Outcome[]) => void;
  readonly outcomes: Outcome[];
  /** Who has it and has not said how it ended; one of them is who offers. */
  open: number;
}

let current: Offer | undefined;

/** Gives a message to its subscribers, and settles it when all who have claimed it are done: at once, when nobody has. */
export function offer(message: Message, emit: (message: Message) => void, settle: (outcomes: readonly Outcome[]) => void): void {
  const outer = current;
  const mine: Offer = { message, settle, outcomes: [], open: 1 };
  current = mine;
  try {
    emit(message);
  } finally {
    current = outer;
  }
  release(mine);
}

/**
 * Takes on a message while it is being handed over: it counts as processed, and is acked, only when the returned function was
 * called. When what was to be written with it failed, `onFailed` is told, and the function must be called again. Nothing is returned
 * for a message that no session is handing over just now.
 */
export function claim(message: Message): ((outcome: Outcome) => void) | undefined {
  const mine = current;
  if (mine?.message !== message) return undefined;
  mine.open++;
  return ({ onFailed, ...completion }) => {
    const reopen = (error: unknown): void => {
      mine.open++;
      onFailed?.(error);
    };
    mine.outcomes.push(onFailed ? { ...completion, onFailed: reopen } : completion);
    release(mine);
  };
}

function release(mine: Offer): void {
  if (--mine.open === 0) mine.settle(mine.outcomes.splice(0));
}
