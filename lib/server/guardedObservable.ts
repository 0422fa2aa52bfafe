import { filter, isObservable, Observable, Subject, Subscriber, type Observer, type Subscription } from 'rxjs';
import { guard, watchResult } from '../internal/guard.js';

/** Receives the errors of subscribers. */
export interface SubscriberGuard {
  /** Called with the error of a subscriber, and with the value that the subscriber has received. */
  onThrow(error: unknown, value?: unknown): void;
  /** Called with the error of a stream whose subscriber has no `error`. @default RxJS reports it */
  onError?(error: unknown): void;
}

type AnyObserver<T> = Partial<Observer<T>> | ((value: T) => void) | null | undefined;

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
    guard(callback, (error) => this.#owner.onThrow(error));
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

/**
 * An Observable that passes the errors of its subscribers to `owner`, also of those behind
 * operators.
 */
export class GuardedObservable<T> extends Observable<T> {
  readonly #owner: SubscriberGuard;

  constructor(guarded: Observable<T>, owner: SubscriberGuard) {
    super((subscriber) => guarded.subscribe(subscriber));
    this.#owner = owner;
  }

  override subscribe(observer?: AnyObserver<T>): Subscription;
  override subscribe(...args: readonly unknown[]): Subscription {
    return super.subscribe(guardObserver<T>(args, this.#owner));
  }

  override pipe(...operators: never): never {
    return guardResult(super.pipe(...(operators as [])), this.#owner) as never;
  }
}

/**
 * The classes of the Observables that operators return. An Observable of another class may have
 * methods of its own.
 */
const PLAIN: readonly unknown[] = [Observable, /* @__PURE__ */ new Subject().pipe(filter(Boolean)).constructor];

/** Returns the result of operators, with guarded subscribers if it is an Observable. */
export function guardResult(result: unknown, owner: SubscriberGuard): unknown {
  return isObservable(result) && PLAIN.includes(result.constructor) ? new GuardedObservable(result, owner) : result;
}
