import type { Observer } from 'rxjs';
import { UnhandledError, type RxwireError } from '../../message/errors.js';
import { deliveryContext, type DeliveryContext } from '../../operators/subscribing/deliveryContext.js';
import type { MaybeAsync } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { DeadLetter } from '../../stores/deadLetterStore.js';
import type { Completion } from '../../stores/inbox.js';
import type { ReceiveProgress } from '../../core/receiveProgress.js';

/** The outcome of a claimed message. One of the callbacks is called, once. */
export interface ClaimOutcome extends Completion<unknown> {
  /** Called when the outcome is committed, and the message counts as processed. */
  readonly onDone?: () => void;
  /** Called when the commit has failed: the message is still claimed. */
  readonly onFailed?: (error: unknown) => void;
  /** Called when the session has ended before the commit: the outcome may not be stored. */
  readonly onAbandoned?: () => void;
}

/** A wire, as the operators use it that handle its messages. */
export interface DeliveringWire {
  readonly observers: readonly Pick<Observer<Message>, 'next'>[];
  /**
   * Called with the failure of a message that no callback of an operator receives.
   * @default does nothing: the wire of a client
   */
  onHandlerFailure?(error: RxwireError, type: string, errors$: WireListeners['errors$']): void;
}

/** The parts of a program that listen to a wire. */
export interface WireListeners {
  readonly errors$?: { readonly observers: readonly object[] } | undefined;
  readonly subscribers?: { readonly wire: DeliveringWire };
}

/** The abilities of a session that apply to all of its messages. */
export interface SessionCapabilities {
  /** Whether the session has an inbox, which can write effects. */
  readonly canWrite: boolean;
  /** Whether the session has ended: then it neither acks nor writes. */
  readonly isOver: boolean;
  /** Reports an error of a message in the `errors$` of the wire. */
  reportError(error: RxwireError): void;
  /** The wire. `undefined` if the session cannot tell who listens to the wire. */
  readonly user?: WireListeners | undefined;
  /**
   * Stores a dead letter in the store of the wire. `undefined` if the inbox stores the letter
   * together with the outcome.
   */
  readonly deadLetter?: ((letter: DeadLetter) => MaybeAsync<void>) | undefined;
}

/** The part of a session that deliveries use. @typeParam P Knows which messages are processed. */
export interface DeliverySession<P = ReceiveProgress> extends SessionCapabilities {
  /**
   * Called when all claims of a message have ended. If one of them was abandoned, the message is
   * not processed, and `onAbandoned` of its outcomes is called. `number` is 0 for a message without
   * one.
   */
  settle(number: number, outcomes: readonly ClaimOutcome[], progress: P | undefined, isAbandoned: boolean): void;
}

/** A message from its delivery to its subscribers until all of its claims have ended. */
export interface MessageDelivery<P = unknown> {
  readonly session: DeliverySession<P>;
  readonly number: number;
  readonly progress: P | undefined;
  outcomes: readonly ClaimOutcome[];
  /** The number of claims that have not ended; the session holds one while it emits the message. */
  open: number;
  isAbandoned: boolean;
  readonly claim: () => Claim;
}

/** A message while it is emitted to its subscribers. */
interface Emission extends DeliveryContext {
  readonly message: Message;
  readonly delivery: MessageDelivery;
  /** Whether an `UnhandledError` will report that no subscriber handles it. */
  isNoted?: boolean;
}

const NO_OUTCOMES: readonly ClaimOutcome[] = [];

/** Emits a message to its subscribers, and settles it when all claims have ended. */
export function deliver<P = ReceiveProgress>(
  message: Message,
  emit: (message: Message) => void,
  session: DeliverySession<P>,
  number = 0,
  progress?: P,
): void {
  emitOnce({ session, number, progress, outcomes: NO_OUTCOMES, open: 1, isAbandoned: false, claim: createClaim }, message, emit);
}

/**
 * Emits a message to its subscribers, which may claim it, and ends one claim of its delivery then.
 * An operator that has delayed a message emits it so, or another one in its place.
 */
export function emitOnce<P>(delivery: MessageDelivery<P>, message: Message, emit: (message: Message) => void): void {
  const outer = deliveryContext.current;
  const emission: Emission = { message, delivery, unhandled: undefined };
  deliveryContext.current = emission;
  try {
    emit(message);
  } finally {
    deliveryContext.current = outer;
  }
  if (emission.unhandled) emission.unhandled();
  endClaim(delivery);
}

/** Ends one claim of a message, and with the last one its delivery. */
function endClaim<P>(delivery: MessageDelivery<P>): void {
  if (--delivery.open === 0) delivery.session.settle(delivery.number, delivery.outcomes, delivery.progress, delivery.isAbandoned);
}

/** A method of a delivery: an import of {@link claim} does not load the class. */
function createClaim(this: MessageDelivery): Claim {
  this.open++;
  return new Claim(this);
}

/** The claim of a message: it counts as processed when all of its claims have ended. */
export class Claim {
  readonly delivery: MessageDelivery;
  #isOpen = true;

  constructor(delivery: MessageDelivery) {
    this.delivery = delivery;
  }

  /**
   * Ends the claim, with an outcome if there is one. If its commit fails, the claim is open again.
   */
  end(outcome?: ClaimOutcome): void {
    this.#isOpen = false;
    if (outcome) this.delivery.outcomes = [...this.delivery.outcomes, outcome.onFailed ? this.#reopening(outcome) : outcome];
    endClaim(this.delivery);
  }
  /**
   * Ends the claim without an outcome, because the stream that holds it ends with an error: the
   * message is not acked by this session, and the outcomes of its other claims are abandoned. Does
   * nothing after an outcome.
   */
  abandon(): void {
    if (!this.#isOpen) return;
    this.delivery.isAbandoned = true;
    this.end();
  }

  /** Returns the outcome, with which the claim is open again when the commit has failed. */
  #reopening(outcome: ClaimOutcome): ClaimOutcome {
    const onFailed = (error: unknown): void => {
      const { delivery } = this;
      const { outcomes } = delivery;
      this.#isOpen = true;
      // The first failure reopens all claims: its callback may end its claim again at once, when
      // the others have not been called yet.
      if (delivery.open === 0) {
        // The outcomes without `onFailed` stay.
        delivery.outcomes = outcomes.filter((one) => !one.onFailed);
        delivery.open = outcomes.length - delivery.outcomes.length;
      }
      outcome.onFailed?.(error);
    };
    return { ...outcome, onFailed };
  }
}

/**
 * Claims a message during its delivery: it counts as processed, and is acked, only when the claim
 * has ended. Returns undefined if no session is delivering the message at the moment.
 *
 * @param message The delivered message, or a copy with its id.
 */
export function claim(message: Pick<Message, 'id'>): Claim | undefined {
  const emission = emissionOf(message);
  if (!emission) return undefined;
  emission.unhandled = false;
  return emission.delivery.claim();
}

/** Returns the session that delivers a message at the moment, without a claim. */
export function sessionDelivering(message: Pick<Message, 'id'>): SessionCapabilities | undefined {
  return emissionOf(message)?.delivery.session;
}

/** Reports an `UnhandledError` for a delivered message, unless a subscriber handles it. */
export function noteUnhandled(message: Message): void {
  const emission = emissionOf(message);
  if (!emission || emission.isNoted) return;
  emission.isNoted = true;
  whenUnhandled(message, () => emission.delivery.session.reportError(new UnhandledError(message)));
}

/** Calls back when all subscribers have received a delivered message, unless one handles it. */
export function whenUnhandled(message: Message, callback: () => void): void {
  const emission = emissionOf(message);
  if (!emission || emission.unhandled === false) return;
  const { unhandled } = emission;
  emission.unhandled = () => {
    unhandled?.();
    callback();
  };
}

/** Returns the message that a session delivers at the moment. */
export function deliveredMessage(): Message | undefined {
  return (deliveryContext.current as Emission | undefined)?.message;
}

function emissionOf({ id }: Pick<Message, 'id'>): Emission | undefined {
  // Only `emitOnce` sets the context.
  const emission = deliveryContext.current as Emission | undefined;
  return emission?.message.id === id ? emission : undefined;
}

/** Calls `onFailed` of all outcomes that have one. Returns whether there are any. */
export function notifyFailed(outcomes: readonly ClaimOutcome[], error: unknown): boolean {
  const listeners = outcomes.flatMap(({ onFailed }) => onFailed ?? []);
  for (const onFailed of listeners) onFailed(error);
  return listeners.length > 0;
}
