import type { Subscription } from 'rxjs';
import { UnhandledError, type RxwireError } from '../../message/errors.js';
import { deliveryContext, type DeliveryContext } from '../../operators/subscribing/deliveryContext.js';
import type { MaybeAsync } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { DeadLetter } from '../../stores/deadLetterStore.js';
import type { Completion } from '../../stores/inbox.js';
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

/** A wire, as the operators use it that handle its messages. */
export interface DeliveringWire {
  readonly observers: readonly object[];
  next(message: Message): void;
  /**
   * Called with the failure of a message that no callback of an operator receives.
   * @default does nothing: the wire of a client
   */
  onHandlerFailure?(error: RxwireError, type: string, errors$: WireListeners['errors$']): void;
}

/** The parts of a program that listen to a wire. */
export interface WireListeners {
  /** The errors of the wire, once a part of the program has used them. */
  readonly errors$?: { readonly observers: readonly object[] } | undefined;
  readonly subscribers?: {
    readonly wire: DeliveringWire;
    /** The subscriptions that select types. */
    readonly patterns: { has(subscription: Subscription): boolean } | undefined;
  };
}

/** Takes the errors of a session. */
interface ErrorReporter {
  readonly report?: ((event: { readonly kind: 'error'; readonly error: unknown }) => void) | undefined;
}

/** The abilities of a session that apply to all of its messages. */
export interface SessionTerms {
  /** Whether the session has an inbox, which can write effects. */
  readonly canWrite: boolean;
  /** Returns whether the session has ended: then it neither acks nor writes. */
  readonly isOver: () => boolean;
  /**
   * Reports an error of a message in the `errors$` of the wire.
   * @default `report` of `user`
   */
  readonly complain?: ((error: RxwireError) => void) | undefined;
  /** The wire. `undefined` if the session cannot tell who listens to the wire. */
  readonly user?: (WireListeners & ErrorReporter) | undefined;
  /**
   * Stores a dead letter in the store of the wire. `undefined` if the inbox stores the letter
   * together with the outcome.
   */
  readonly keep?: ((letter: DeadLetter) => MaybeAsync<void>) | undefined;
}

/**
 * The part of a session that deliveries use.
 *
 * @typeParam Tracker Knows which messages of one numbering are processed.
 */
export interface DeliverySession<Tracker = Progress> extends SessionTerms {
  /**
   * Called when all claims of a message have ended. If one of them was abandoned, the message is
   * not processed, and `onAbandoned` of its outcomes is called. `number` is 0 for a message without
   * one.
   */
  settle(number: number, outcomes: readonly Outcome[], tracker: Tracker | undefined, isAbandoned: boolean): void;
}

/** A message from its delivery to its subscribers until all of its claims have ended. */
export interface Delivery<Tracker = unknown> {
  readonly session: DeliverySession<Tracker>;
  readonly number: number;
  readonly tracker: Tracker | undefined;
  outcomes: readonly Outcome[];
  /**
   * The number of claims that have not ended. The session itself holds one while it emits the
   * message.
   */
  open: number;
  /** Whether a claim was abandoned. */
  isAbandoned: boolean;
  readonly claim: () => Claim;
}

/** A message while it is emitted to its subscribers. */
interface Emission extends DeliveryContext {
  readonly message: Message;
  readonly delivery: Delivery;
  /** Whether an `UnhandledError` will report that no subscriber handles it. */
  isNoted?: boolean;
}

const NO_OUTCOMES: readonly Outcome[] = [];

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
  emitOnce({ session, number, tracker, outcomes: NO_OUTCOMES, open: 1, isAbandoned: false, claim: createClaim }, message, emit);
}

/**
 * Emits a message to its subscribers, which may claim it, and ends one claim of its delivery then.
 * An operator that has delayed a message emits it so, or another one in its place.
 */
export function emitOnce<Tracker>(delivery: Delivery<Tracker>, message: Message, emit: (message: Message) => void): void {
  const outer = deliveryContext.current;
  const emission: Emission = { message, delivery, unhandled: undefined };
  deliveryContext.current = emission;
  try {
    emit(message);
  } finally {
    deliveryContext.current = outer;
  }
  if (emission.unhandled) emission.unhandled();
  release(delivery);
}

/** Ends one claim of a message, and with the last one its delivery. */
function release<Tracker>(delivery: Delivery<Tracker>): void {
  if (--delivery.open === 0) delivery.session.settle(delivery.number, delivery.outcomes, delivery.tracker, delivery.isAbandoned);
}

/** A method of a delivery: an import of {@link claim} does not load the class. */
function createClaim(this: Delivery): Claim {
  this.open++;
  return new Claim(this);
}

/** The claim of a message: it counts as processed when all of its claims have ended. */
export class Claim {
  readonly delivery: Delivery;
  #isOpen = true;

  constructor(delivery: Delivery) {
    this.delivery = delivery;
  }

  /**
   * Ends the claim with an outcome, if there is one. If the commit fails, `onFailed` is called, and
   * the claim must be ended again.
   */
  end(outcome?: Outcome): void {
    this.#isOpen = false;
    if (outcome) this.delivery.outcomes = [...this.delivery.outcomes, outcome.onFailed ? this.#reopening(outcome) : outcome];
    release(this.delivery);
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
  #reopening(outcome: Outcome): Outcome {
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

/**
 * Returns the terms of the session that delivers a message at the moment, without a claim;
 * undefined if no session delivers it.
 */
export function termsOfDelivery(message: Pick<Message, 'id'>): SessionTerms | undefined {
  return emissionOf(message)?.delivery.session;
}

/**
 * Reports an `UnhandledError` for a message that is being delivered, unless a subscriber handles
 * it.
 */
export function noteUnhandled(message: Message): void {
  const emission = emissionOf(message);
  if (!emission || emission.isNoted) return;
  emission.isNoted = true;
  whenUnhandled(message, () => complaintsTo(emission.delivery.session)?.(new UnhandledError(message)));
}

/**
 * Calls back when all subscribers have received a message that is being delivered, unless one of
 * them handles it.
 */
export function whenUnhandled(message: Message, callback: () => void): void {
  const emission = emissionOf(message);
  if (!emission || emission.unhandled === false) return;
  const { unhandled } = emission;
  emission.unhandled = () => {
    unhandled?.();
    callback();
  };
}

/** Returns a function that reports an error of a message in the `errors$` of its wire. */
export function complaintsTo(terms: Pick<SessionTerms, 'complain' | 'user'> | undefined): SessionTerms['complain'] {
  const { complain, user } = terms ?? {};
  return complain ?? (user && ((error) => user.report?.({ kind: 'error', error })));
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
export function tellFailed(outcomes: readonly Outcome[], error: unknown): boolean {
  const listeners = outcomes.flatMap(({ onFailed }) => onFailed ?? []);
  for (const onFailed of listeners) onFailed(error);
  return listeners.length > 0;
}
