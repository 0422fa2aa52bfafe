import { defer, EMPTY, map, merge, of, skip, Subject, switchMap, type Observable, type SchedulerLike, type Subscription } from 'rxjs';
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

/** The subscriptions to a wire. */
export interface WireSubscriptions {
  readonly count: number;
  /** The types that the subscribers select by `ofType`, and the patterns of their routes. */
  readonly patterns: readonly (string | RegExp)[];
}

/** Knows the subscriptions to a wire, at next to no cost while `subscriptions` is not used. */
export class Subscribers {
  readonly wire: DeliveringWire;
  readonly #microtask: SchedulerLike | undefined;
  /** The types of the subscriptions that select types. Created when it is first used. */
  types: Map<object, SubscribedTypes> | undefined;
  #changes$: Subject<void> | undefined;
  #onBegun: (() => void) | undefined;
  #hasBegun = false;
  #isOver = false;

  /** @param microtask Calls back. @default the end of the microtask */
  constructor(wire: DeliveringWire, microtask: SchedulerLike | undefined) {
    this.wire = wire;
    this.#microtask = microtask;
  }

  subscriptions(): Observable<WireSubscriptions> {
    return defer(() => {
      if (!this.#isOver && !this.#changes$) {
        this.#changes$ = new Subject();
        // RxJS keeps a Subscriber for each subscription.
        for (const observer of this.wire.observers as readonly unknown[] as readonly Subscription[]) this.#watchEnd(observer);
      }
      const changes$: Observable<unknown> = this.#changes$ ?? EMPTY;
      return merge(of(0), changes$).pipe(switchMap(() => (this.#isOver ? EMPTY : this.#now())));
    });
  }

  /** Emits the present subscriptions now, and when their patterns change. */
  #now(): Observable<WireSubscriptions> {
    const latest: (readonly (string | RegExp)[])[] = [];
    const changes = [...(this.types?.values() ?? [])].map(({ patterns$ }, index) => patterns$.pipe(map((one) => (latest[index] = one))));
    // Each emits its patterns at once.
    return merge(of(0), ...changes).pipe(
      skip(changes.length),
      map(() => ({ count: this.wire.observers.length, patterns: [...new Set(latest.flat())] })),
    );
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

  #watchEnd(subscription: Subscription): void {
    subscription.add(() => this.#changes$?.next());
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
    this.#changes$?.next();
    if (this.#changes$) this.#watchEnd(subscription);
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    if (this.#onBegun) this.whenSubscribed(this.#onBegun);
    this.#onBegun = undefined;
  }

  close(): void {
    this.#isOver = true;
    this.#changes$?.next();
    this.#changes$?.complete();
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
