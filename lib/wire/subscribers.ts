import type { SchedulerLike, Subscription } from 'rxjs';
import { afterMicrotask } from '../message/steadyScheduler.js';
import { deliveryContext, subscribeContext, type SubscribedTypes } from '../operators/subscribing/deliveryContext.js';
import { noteSelected, noteUnselected } from '../message/development.js';
import { createMessage, type MessageOptions } from '../message/createMessage.js';
import { UnhandledError, type RxwireError } from '../message/errors.js';
import { isProtocolType } from '../message/isProtocolType.js';
import { whenReady } from '../message/maybeAsync.js';
import type { Message } from '../message/types.js';
import { createDeadLetter, rejectionOf } from './createDeadLetter.js';
import { isInternal } from './internalSubscriptions.js';
import { claim, type DeliveringWire } from './session/messageClaim.js';

/** Knows the subscriptions to a wire. */
export class Subscribers {
  readonly wire: DeliveringWire;
  readonly #microtask: SchedulerLike | undefined;
  /** The types of the subscriptions that select types. Created when it is first used. */
  types: Map<object, SubscribedTypes> | undefined;
  /** Called with each new subscription. */
  onAdded: ((subscription: Subscription) => void) | undefined;
  #onBegun: (() => void) | undefined;
  #hasBegun = false;

  /** @param microtask Calls back. @default the end of the microtask */
  constructor(wire: DeliveringWire, microtask: SchedulerLike | undefined) {
    this.wire = wire;
    this.#microtask = microtask;
  }

  /** Emits a message. Returns whether it is a request whose type no subscriber selects. */
  emit(message: Message): boolean | undefined {
    const observers = this.wire.observers.slice();
    const isUnanswered =
      message.metadata?.request && !observers.some((observer) => this.types?.get(observer)?.has(message.type) ?? !isInternal(observer));
    for (const observer of observers) observer.next(message);
    noteUnselected(message, observers, this, deliveryContext, isInternal);
    // A callback for the messages without a handler may answer the request.
    return isUnanswered && deliveryContext.current?.unhandled !== false;
  }

  /**
   * Calls back once, when there has been a subscriber. It calls back a microtask later, so that
   * other subscribers of the same moment do not miss the messages that waited. A later callback
   * replaces an earlier one.
   */
  whenSubscribed(callback: () => void): void {
    if (this.#hasBegun) afterMicrotask(callback, this.#microtask);
    else this.#onBegun = callback;
  }

  add(subscription: Subscription): void {
    const types = subscribeContext(subscription);
    if (types) {
      (this.types ??= new Map()).set(subscription, types);
      subscription.add(() => this.types?.delete(subscription));
      noteSelected(types);
    }
    this.onAdded?.(subscription);
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    if (this.#onBegun) this.whenSubscribed(this.#onBegun);
    this.#onBegun = undefined;
  }
}

/** Rejects a message that arrives when the wire has no subscriber any more. */
export function rejectUnreceived(message: Message, wire: { report(error: RxwireError): void }, scheduler: SchedulerLike): void {
  if (isProtocolType(message.type)) return;
  const held = claim(message);
  const error = new UnhandledError(message);
  wire.report(error);
  const letter = createDeadLetter(message, error, { scheduler });
  const rejection = rejectionOf(error);
  const onFailed = (reason: unknown): void => wire.report(reason as RxwireError);
  const store = held?.delivery.session.deadLetter;
  if (!store) held?.end({ deadLetter: letter, rejection });
  else whenReady(store(letter), () => held.end({ rejection }), onFailed);
}

/** Returns the answer to a request that no part of the program handles. */
export function refusalOf(request: Message, scheduler: SchedulerLike): Message {
  const { id: correlationId, priority, replyTo: target } = request;
  const { code, text } = new UnhandledError(request);
  // Codecs omit a field that is undefined.
  return createMessage('reply.error', { code, message: text }, { correlationId, priority, target, scheduler } as MessageOptions);
}
