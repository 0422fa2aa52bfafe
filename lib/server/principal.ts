import type { IncomingMessage } from 'node:http';
import {
  asyncScheduler,
  type Observable,
  type ObservableInput,
  type Observer,
  type SchedulerLike,
  type Subscription,
  Subscriber,
} from 'rxjs';
import type { SendingLimits } from '../codec/codec.js';
import { rejectDelivery } from '../operators/routing/rejectDelivery.js';
import { CallbackError, type RxwireError } from '../message/errors.js';
import { GuardedObservable, guardResult, type ObserverGuard } from '../operators/channels/guardedObservable.js';
import { reportUncaught } from '../message/errors/reportUncaught.js';
import type { Message } from '../message/types.js';
import { countViews } from '../wire/internalSubscriptions.js';
import { claim, deliveredMessage, type WireListeners } from '../wire/session/messageClaim.js';
import { Wire, type WireSetup } from '../wire/wire.js';
import { digestOf } from './nodePlatform.js';
import { warnOfHandler } from './session/handlerWarnings.js';
import { callSafely, watchResult } from '../message/errors/callSafely.js';

/** The authenticated client of a wire. The application may add fields. */
export interface Principal {
  /**
   * Identifies the principal. A session belongs to one principal: no other principal can resume the
   * session.
   */
  readonly id: string;
  /**
   * When the credentials expire, in ms since the epoch. The server closes the connection then,
   * unless the client has sent fresh credentials.
   * @default never
   */
  readonly expiresAt?: number;
}

/** The credentials of a client. `R` is the type of requests: that of Node for `listen`. */
export interface Credentials<R = IncomingMessage> {
  /**
   * The request that opened the connection, with its cookies, `Authorization` and address. For a
   * fresh token, `listen` makes the request again, from its head and its socket.
   */
  readonly request: R;
  /** The `token` of the client's options. */
  readonly token?: string;
}

/**
 * Returns the principal of credentials; `undefined` or `null` if they are not valid. An exception,
 * a rejected promise or an Observable that fails says that they could not be checked.
 */
export type Authenticate<P extends Principal | undefined, R = IncomingMessage> = (
  credentials: Credentials<R>,
) => P | null | undefined | ObservableInput<P | null | undefined>;

/** A wire of messages `M`, and its principal `P`. */
export type ServerWire<P extends Principal | undefined = undefined, M extends Message = Message> = Wire<M> & {
  /** The principal as it was authenticated last; `undefined` without `authenticate`. */
  readonly principal: P;
};

/** The client of a wire. */
export interface WireClient {
  readonly latest: { readonly principal: Principal | undefined };
  /** Ends the wire with an error. */
  end(reason: { readonly error: RxwireError }): void;
}

/** 96 bits: no other client can find a name with the same digest. */
const PUBLISHER_LENGTH = 16;

/**
 * A wire with its current principal. An error of one of its subscribers ends the wire with 1011,
 * and no other. It is a class because a getter of each wire would take two kilobytes.
 */
export class PrincipalWire<P extends Principal | undefined> extends Wire implements SubscriberGuard {
  override readonly sendingLimits: SendingLimits;
  readonly #client: WireClient;
  readonly #outbox: string | undefined;
  readonly #scheduler: SchedulerLike;
  #hasThrown = false;

  /** @param outbox The secret name of the outbox of the client, if it has one. */
  constructor(setup: WireSetup, client: WireClient, sendingLimits: SendingLimits, outbox: string | undefined) {
    super(setup);
    this.sendingLimits = sendingLimits;
    this.#client = client;
    this.#outbox = outbox;
    this.#scheduler = setup.scheduler ?? asyncScheduler;
  }

  get principal(): P {
    return this.#client.latest.principal as P;
  }

  override get publisher(): string | undefined {
    return this.#outbox === undefined ? undefined : digestOf(`publisher ${this.#outbox}`).slice(0, PUBLISHER_LENGTH);
  }

  override subscribe(observer?: Partial<Observer<Message>> | ((message: Message) => void) | null): Subscription;
  override subscribe(...args: readonly unknown[]): Subscription {
    return super.subscribe(guardObserver<Message>(args, this));
  }

  /**
   * Returns whether a hub takes the messages for channels, or another subscriber that selects them.
   * A subscriber of all types is no hub.
   */
  servesChannels(): boolean {
    for (const { has } of this.subscribers.types?.values() ?? []) if (has('channel.publish') && !has('')) return true;
    return false;
  }

  override pipe(...operators: never): never {
    return guardResult(super.pipe(...(operators as [])), guardOf(this)) as never;
  }

  /** Reports the failure of a handler, unless `errors$` has a subscriber of the application. */
  onHandlerFailure(error: RxwireError, type: string, errors$: WireListeners['errors$']): void {
    if (countViews(errors$) === 0) warnOfHandler(error, type, this.#scheduler);
  }

  /**
   * Ends the wire with the error of a subscriber. The message that is being delivered to the
   * subscriber becomes a dead letter; later messages are not acked.
   */
  onThrow(cause: unknown): void {
    const error = new CallbackError('subscriber', cause);
    const message = deliveredMessage();
    const held = message && claim(message);
    const onDone = (): void => this.#fail(error);
    if (message && held) {
      this.leaveUnacked();
      rejectDelivery(held, { message, error: cause, failure: error, scheduler: this.#scheduler, onDone, onFailed: onDone });
    } else onDone();
  }

  onError(cause: unknown): void {
    this.onThrow(cause);
  }

  /**
   * Guards the subscribers of the other streams of a wire. Their errors do not affect the message
   * that is being delivered.
   */
  override shown<T>(stream: Observable<T>): Observable<T> {
    const onThrow = (cause: unknown): void => {
      const message = deliveredMessage();
      const end = (): void => this.#fail(new CallbackError('subscriber', cause));
      const held = message && claim(message);
      if (held) {
        this.leaveUnacked();
        held.end({ onDone: end, onAbandoned: end });
      } else end();
    };
    return new GuardedObservable(stream, guardOf({ onThrow, onError: onThrow }));
  }

  #fail(error: CallbackError): void {
    // Not only in `errors$`, which may have no subscriber, or the very one that has failed.
    reportUncaught(error);
    if (this.#hasThrown) return;
    this.#hasThrown = true;
    this.#client.end({ error });
  }
}

/** A wire of any principal. */
export type AnyWire = ServerWire<Principal | undefined>;

/** Receives the errors of subscribers. */
export interface SubscriberGuard {
  /** Called with the error of a subscriber, and with the value that the subscriber has received. */
  onThrow(error: unknown, value?: unknown): void;
  /** Called with the error of a stream whose subscriber has no `error`. @default RxJS reports it */
  onError?(error: unknown): void;
}

/** Calls an observer, and passes its errors to `owner`. */
class GuardedObserver<T> implements Observer<T> {
  readonly #observer: Partial<Observer<T>>;
  readonly #owner: SubscriberGuard;

  constructor(observer: Partial<Observer<T>>, owner: SubscriberGuard) {
    this.#observer = observer;
    this.#owner = owner;
  }

  // `guard` would take two closures for each message.
  next(value: T): void {
    try {
      const returned: unknown = this.#observer.next?.(value);
      if (returned) watchResult(returned, (error) => this.#owner.onThrow(error));
    } catch (error) {
      this.#owner.onThrow(error, value);
    }
  }

  error(error: unknown): void {
    const observer = this.#observer;
    if (observer.error) this.#call(() => observer.error?.(error));
    else if (this.#owner.onError) this.#owner.onError(error);
    else throw error;
  }

  complete(): void {
    this.#call(() => this.#observer.complete?.());
  }

  #call(callback: () => unknown): void {
    callSafely(callback, (error) => this.#owner.onThrow(error));
  }
}

/**
 * Returns an observer whose errors are passed to `owner`. RxJS would report these errors so that
 * the process ends.
 */
export function guardObserver<T>([observer, error, complete]: readonly unknown[], owner: SubscriberGuard): Partial<Observer<T>> {
  // The subscriber of an operator handles errors itself.
  if (observer instanceof Subscriber) return observer;
  const callbacks = typeof observer === 'object' && observer !== null ? observer : { next: observer, error, complete };
  return new GuardedObserver(callbacks, owner);
}

/** Returns a guard for subscribers that passes their errors to `owner`. */
export function guardOf(owner: SubscriberGuard): ObserverGuard {
  return (args) => guardObserver(args, owner);
}
