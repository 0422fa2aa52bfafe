import { UnhandledError, type RxwireError } from '../../errors.js';
import { deliveryContext, type DeliveryContext } from '../../internal/deliveryContext.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { DeadLetter } from '../store/deadLetterStore.js';
import type { Completion } from '../store/inbox.js';
import type { Progress } from '../../core/progress.js';

/** The outcome of a claimed message. One of the callbacks is called, once. */
export interface Outcome extends Completion<unknown> {
  /** Called when the outcome is committed, and the message counts as processed. */
  readonly onDone?: () => void;
  /** Called when the commit has failed: the message is still claimed. */
  readonly onFailed?: (error: unknown) => void;
  /**
   * Called when the session has ended before the commit: the message was not acked, and the outcome
   * may not be stored.
   */
  readonly onAbandoned?: () => void;
}

/** The abilities of a session that apply to all of its messages. */
export interface SessionTerms {
  /** Whether the session has an inbox, which can write effects. */
  readonly canWrite: boolean;
  /** Returns whether the session has ended: then it neither acks nor writes. */
  readonly isOver: () => boolean;
  /** Reports an error of a message in the `errors$` of the wire. */
  readonly complain?: ((error: RxwireError) => void) | undefined;
  /**
   * Stores a dead letter in the store of the wire. `undefined` if the inbox stores the letter
   * together with the outcome.
   */
  readonly keep?: ((letter: DeadLetter) => MaybeAsync<void>) | undefined;
}

/** Ends the claim of a message with its outcome. */
export interface Claim extends SessionTerms {
  (outcome: Outcome): void;
  /**
   * Ends the claim without an outcome, because the stream that holds it ends with an error: the
   * message is not acked by this session, and the outcomes of its other claims are abandoned. Does
   * nothing after an outcome.
   */
  readonly abandon: () => void;
  /** Returns whether a claim of the message was abandoned. */
  readonly isAbandoned: () => boolean;
}

/**
 * The part of a session that deliveries use.
 *
 * @typeParam Tracker Knows which messages of one numbering are processed.
 */
export interface DeliverySession<Tracker = Progress> extends SessionTerms {
  /** Called when a message is processed. `number` is 0 for a message without one. */
  settle(number: number, outcomes: readonly Outcome[], tracker: Tracker | undefined): void;
  /**
   * Called when all claims of a message have ended, and at least one was abandoned: the message is
   * not processed.
   */
  abandon(number: number): void;
}

/** A message from its delivery to its subscribers until all of its claims have ended. */
interface Delivery<Tracker = unknown> extends DeliveryContext {
  readonly message: Message;
  readonly number: number;
  readonly tracker: Tracker | undefined;
  readonly session: DeliverySession<Tracker>;
  outcomes: Outcome[];
  /**
   * The number of claims that have not ended. The session itself holds one while it emits the
   * message.
   */
  open: number;
  isAbandoned: boolean;
  readonly release: () => void;
}

/**
 * Emits a message to its subscribers, and settles it when all claims have ended: at once if there
 * are none.
 */
export function deliver<Tracker = Progress>(
  message: Message,
  emit: (message: Message) => void,
  session: DeliverySession<Tracker>,
  number = 0,
  tracker?: Tracker,
): void {
  const outer = deliveryContext.current;
  const delivery: Delivery<Tracker> = {
    message,
    number,
    tracker,
    session,
    outcomes: [],
    open: 1,
    isAbandoned: false,
    unhandled: undefined,
    release,
  };
  deliveryContext.current = delivery;
  try {
    emit(message);
  } finally {
    deliveryContext.current = outer;
  }
  if (delivery.unhandled) delivery.unhandled();
  delivery.release();
}

/** Ends one claim of a message, and with the last one its delivery. */
function release<Tracker>(this: Delivery<Tracker>): void {
  if (--this.open > 0) return;
  const { session, number, outcomes, tracker } = this;
  if (!this.isAbandoned) {
    session.settle(number, outcomes, tracker);
    return;
  }
  session.abandon(number);
  for (const { onAbandoned } of outcomes) onAbandoned?.();
}

/**
 * Claims a message during its delivery. Returns a function that ends the claim: only then the
 * message counts as processed, and is acked. If the commit fails, `onFailed` is called, and the
 * function must be called again. Returns undefined if no session is delivering the message at the
 * moment.
 *
 * @param message The delivered message, or a copy with its id.
 */
export function claim(message: Pick<Message, 'id'>): Claim | undefined {
  const delivery = deliveryOf(message);
  if (!delivery) return undefined;
  delivery.open++;
  delivery.unhandled = false;
  let isOpen = true;
  const end = ({ onFailed, ...outcome }: Outcome): void => {
    const reopen = (error: unknown): void => {
      isOpen = true;
      // The first failure reopens all claims: its callback may end its claim again at once, when
      // the others have not been called yet.
      if (delivery.open === 0) {
        const { outcomes } = delivery;
        // The outcomes without `onFailed` stay.
        delivery.outcomes = outcomes.filter((one) => !one.onFailed);
        delivery.open = outcomes.length - delivery.outcomes.length;
      }
      onFailed?.(error);
    };
    isOpen = false;
    delivery.outcomes.push(onFailed ? { ...outcome, onFailed: reopen } : outcome);
    delivery.release();
  };
  const abandon = (): void => {
    if (!isOpen) return;
    isOpen = false;
    delivery.isAbandoned = true;
    delivery.release();
  };
  return Object.assign(end, termsOf(delivery.session), { abandon, isAbandoned: () => delivery.isAbandoned });
}

/**
 * Returns the terms of the session that delivers a message at the moment, without a claim;
 * undefined if no session delivers it.
 */
export function termsOfDelivery(message: Pick<Message, 'id'>): SessionTerms | undefined {
  return deliveryOf(message)?.session;
}

/** Copies the terms of a session. */
export function termsOf({ canWrite, isOver, complain, keep }: SessionTerms): SessionTerms {
  return { canWrite, isOver, complain, keep };
}

/**
 * Reports an `UnhandledError` for a message that is being delivered, unless a subscriber handles
 * it.
 */
export function noteUnhandled(message: Message): void {
  const delivery = deliveryOf(message);
  if (delivery) delivery.unhandled ??= () => delivery.session.complain?.(new UnhandledError(message));
}

/** Returns the message that a session delivers at the moment. */
export function deliveredMessage(): Message | undefined {
  return (deliveryContext.current as Delivery | undefined)?.message;
}

function deliveryOf({ id }: Pick<Message, 'id'>): Delivery | undefined {
  // Only `deliver` sets the context, to a `Delivery`.
  const delivery = deliveryContext.current as Delivery | undefined;
  return delivery?.message.id === id ? delivery : undefined;
}

/** Calls `onFailed` of all outcomes that have one. Returns whether there are any. */
export function tellFailed(outcomes: readonly Outcome[], error: unknown): boolean {
  const listeners = outcomes.flatMap(({ onFailed }) => onFailed ?? []);
  for (const onFailed of listeners) onFailed(error);
  return listeners.length > 0;
}
