import { Subscriber, type Observer } from 'rxjs';
import { guard, watchResult } from '../internal/guard.js';
import type { ObserverGuard } from '../internal/guardedObservable.js';

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

/** Returns a guard for subscribers that passes their errors to `owner`. */
export function guardOf(owner: SubscriberGuard): ObserverGuard {
  return (args) => guardObserver(args, owner);
}
