import { OverflowError, UnhandledError, type RxwireError } from '../../errors.js';
import { deliveryContext, type DeliveryContext } from '../../internal/deliveryContext.js';
import type { Message } from '../../message/types.js';
import type { Completion } from '../store/inbox.js';
import type { AckTracker } from './ackTracker.js';

/** How a claimed message ended. One of the callbacks is called, once. */
export interface Outcome extends Completion<unknown> {
  /** Called when all of it is written, and the message counts as processed. */
  readonly onDone?: () => void;
  /** Called when it could not be written: the message is still claimed. */
  readonly onFailed?: (error: unknown) => void;
  /** Called when the session has ended before that: the message was not acked, and what was to be written may not be. */
  readonly onAbandoned?: () => void;
}

/** What a session offers for all of its messages. */
export interface SessionTerms {
  /** Whether the session has an inbox, to write the effect of a message. */
  readonly canWrite: boolean;
  /** Whether the session has ended: then it acks and writes nothing more. */
  readonly isOver: () => boolean;
  /** Reports in the `errors$` of the wire what is wrong with a message. */
  readonly complain?: (error: RxwireError) => void;
}

/** Ends the claim of a message, and says how the message ended. */
export interface Claim extends SessionTerms {
  (outcome: Outcome): void;
}

/** A session, as far as deliveries need it. */
export interface DeliverySession extends SessionTerms {
  /** Called when a message is processed. `number` is 0 for a message without one. */
  settle(number: number, outcomes: readonly Outcome[], tracker: AckTracker | undefined): void;
}

/** A message while its subscribers receive it, and until all who have claimed it are done. */
class Delivery implements DeliveryContext {
  unhandled: DeliveryContext['unhandled'];
  outcomes: Outcome[] = [];
  /** How many have not said yet how the message ended. The session itself is one of them while it emits. */
  open = 1;

  constructor(
    readonly message: Message,
    readonly number: number,
    readonly tracker: AckTracker | undefined,
    readonly session: DeliverySession,
  ) {}

  release(): void {
    if (--this.open === 0) this.session.settle(this.number, this.outcomes, this.tracker);
  }

  /** What was to be written is not. Those who hear of it have the message again; what the others have said is not said again. */
  reopen(): void {
    const { length } = this.outcomes;
    this.outcomes = this.outcomes.filter(({ onFailed }) => !onFailed);
    this.open = length - this.outcomes.length;
  }
}

/** Emits a message to its subscribers, and settles it when all who have claimed it are done: at once, when nobody has. */
export function deliver(
  message: Message,
  emit: (message: Message) => void,
  session: DeliverySession,
  number = 0,
  tracker?: AckTracker,
): void {
  const outer = deliveryContext.current;
  const delivery = new Delivery(message, number, tracker, session);
  deliveryContext.current = delivery;
  try {
    emit(message);
  } finally {
    deliveryContext.current = outer;
  }
  if (delivery.unhandled) delivery.unhandled();
  delivery.release();
}

/**
 * Claims a message while it is being delivered: it counts as processed, and is acked, only when the returned function was
 * called. When what was to be written with it failed, `onFailed` is called, and the function must be called again. Returns undefined
 * for a message that no session is delivering just now.
 *
 * @param message The delivered message, or a copy with its id.
 */
export function claim(message: Pick<Message, 'id'>): Claim | undefined {
  const delivery = deliveryOf(message);
  if (!delivery) return undefined;
  delivery.open++;
  delivery.unhandled = false;
  const end = ({ onFailed, ...outcome }: Outcome): void => {
    const reopen = (error: unknown): void => {
      // All of them when the first one hears of it: it may end its claim again at once, and the others do not.
      if (delivery.open === 0) delivery.reopen();
      onFailed?.(error);
    };
    delivery.outcomes.push(onFailed ? { ...outcome, onFailed: reopen } : outcome);
    delivery.release();
  };
  const { canWrite, isOver, complain } = delivery.session;
  return Object.assign(end, { canWrite, isOver, ...(complain && { complain }) });
}

/** Reports an `UnhandledError` for a message that is being delivered, unless a subscriber handles it. */
export function noteUnhandled(message: Message): void {
  const delivery = deliveryOf(message);
  if (delivery) delivery.unhandled ??= () => delivery.session.complain?.(new UnhandledError(message));
}

function deliveryOf({ id }: Pick<Message, 'id'>): Delivery | undefined {
  // No other code sets it.
  const delivery = deliveryContext.current as Delivery | undefined;
  return delivery?.message.id === id ? delivery : undefined;
}

/** Calls `onFailed` of all outcomes that have it. Returns whether there is one. */
export function tellFailed(outcomes: readonly Outcome[], error: unknown): boolean {
  const listeners = outcomes.flatMap(({ onFailed }) => onFailed ?? []);
  for (const onFailed of listeners) onFailed(error);
  return listeners.length > 0;
}

/** Holds messages, unacked, until the application subscribes for the first time. */
export class HoldUntilSubscribed {
  #isOpen = false;
  #held: (readonly [message: Message, number: number, tracker: AckTracker | undefined])[] | undefined;
  #unnumbered = 0;
  readonly #emit: (message: Message) => void;
  readonly #session: DeliverySession;
  readonly #maxHeld: number;

  /** @param maxHeld Messages without a number that may wait. Those with a number are never more than the window allows. */
  constructor(emit: (message: Message) => void, session: DeliverySession, maxHeld: number) {
    this.#emit = emit;
    this.#session = session;
    this.#maxHeld = maxHeld;
  }

  /** Delivers a message, or holds it. */
  deliver(message: Message, number: number, tracker?: AckTracker): void {
    if (this.#isOpen) deliver(message, this.#emit, this.#session, number, tracker);
    else (this.#held ??= []).push([message, number, tracker]);
  }

  /** Delivers a message without a number, holds it, or drops it when too many wait. */
  deliverUnnumbered(message: Message): void {
    if (this.#isOpen || ++this.#unnumbered <= this.#maxHeld) this.deliver(message, 0);
    else {
      this.#session.complain?.(new OverflowError('messages before the first subscriber', this.#maxHeld));
      this.#session.settle(0, [], undefined);
    }
  }

  open(): void {
    this.#isOpen = true;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const [message, number, tracker] of held) deliver(message, this.#emit, this.#session, number, tracker);
  }
}
