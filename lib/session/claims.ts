import { UnhandledError, type RxwireError } from '../errors.js';
import { deliveryContext, type DeliveryContext } from '../internal/deliveryContext.js';
import type { Message } from '../message/types.js';
import type { Completion } from './store/inbox.js';

/** How a claimed message ended. One of the callbacks is called, once. */
export interface Outcome extends Completion<unknown> {
  /** Told when all of it is written, and the message counts as processed. */
  readonly onDone?: () => void;
  /** Told when it could not be written: the message is still claimed. */
  readonly onFailed?: (error: unknown) => void;
  /** Told when the session has ended before that: the message was not acked, and what was to be written may not be. */
  readonly onAbandoned?: () => void;
}

/** What a session says of all its messages. */
export interface Terms {
  /** Whether it has an inbox, to write what a message brings about. */
  readonly canWrite: boolean;
  /** Whether it has ended: nothing is acked or written any more. */
  readonly isOver: () => boolean;
  /** Tells the wire what is wrong with a message: it comes in its `errors$`. */
  readonly complain?: (error: RxwireError) => void;
}

/** Says how a message ended that was claimed. */
export interface Claim extends Terms {
  (outcome: Outcome): void;
}

/** A message while its subscribers get it. */
interface Offer extends DeliveryContext {
  readonly message: Message;
  readonly terms: Terms;
  readonly settle: (outcomes: readonly Outcome[]) => void;
  outcomes: Outcome[];
  /** Who has it and has not said how it ended; one of them is who offers. */
  open: number;
}

/** Gives a message to its subscribers, and settles it when all who have claimed it are done: at once, when nobody has. */
export function offer(
  message: Message,
  emit: (message: Message) => void,
  settle: (outcomes: readonly Outcome[]) => void,
  terms: Terms,
): void {
  const outer = deliveryContext.current;
  const mine: Offer = { message, terms, settle, outcomes: [], open: 1, unhandled: undefined };
  deliveryContext.current = mine;
  try {
    emit(message);
  } finally {
    deliveryContext.current = outer;
  }
  if (mine.unhandled) mine.unhandled();
  release(mine);
}

/**
 * Takes on a message while it is being handed over: it counts as processed, and is acked, only when the returned function was
 * called. When what was to be written with it failed, `onFailed` is told, and the function must be called again. Nothing is returned
 * for a message that no session is handing over just now.
 *
 * @param message What was handed over, or a copy with its id.
 */
export function claim(message: Pick<Message, 'id'>): Claim | undefined {
  const mine = offerOf(message);
  if (!mine) return undefined;
  mine.open++;
  mine.unhandled = false;
  const end = ({ onFailed, ...outcome }: Outcome): void => {
    const reopen = (error: unknown): void => {
      // All of them when the first is told: it may be done again at once, and the others are not.
      if (mine.open === 0) reopenAll(mine);
      onFailed?.(error);
    };
    mine.outcomes.push(onFailed ? { ...outcome, onFailed: reopen } : outcome);
    release(mine);
  };
  return Object.assign(end, mine.terms);
}

/** Of a message that is being handed over, the wire is told when nobody handles it. */
export function noteUnhandled(message: Message): void {
  const mine = offerOf(message);
  if (mine) mine.unhandled ??= () => mine.terms.complain?.(new UnhandledError(message));
}

function offerOf({ id }: Pick<Message, 'id'>): Offer | undefined {
  // Nobody else puts one there.
  const mine = deliveryContext.current as Offer | undefined;
  return mine?.message.id === id ? mine : undefined;
}

/** Tells all who want to know that what they wanted to be written is not. Answers whether somebody does. */
export function tellFailed(outcomes: readonly Outcome[], error: unknown): boolean {
  const listeners = outcomes.flatMap(({ onFailed }) => onFailed ?? []);
  for (const onFailed of listeners) onFailed(error);
  return listeners.length > 0;
}

function release(mine: Offer): void {
  if (--mine.open === 0) mine.settle(mine.outcomes);
}

/** What they wanted to be written is not: who is told of it has the message again; what the others said is not said again. */
function reopenAll(mine: Offer): void {
  const { length } = mine.outcomes;
  mine.outcomes = mine.outcomes.filter(({ onFailed }) => !onFailed);
  mine.open = length - mine.outcomes.length;
}
