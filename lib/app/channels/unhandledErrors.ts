import { Subscriber, type Observer } from 'rxjs';
import { RxwireError } from '../../errors.js';
import type { ObserverGuard } from '../../internal/guardedObservable.js';
import type { Wire } from '../../wire/wire.js';

/** The errors that were reported: several subscribers may receive one of them. */
const reported = /* @__PURE__ */ new WeakSet();

/**
 * Returns a guard for the subscribers of a channel. If a subscriber has no error callback, the wire
 * reports the error, once: RxJS would report it so that the process ends.
 */
export function reportOn(wire: Wire): ObserverGuard {
  const error = (reason: unknown): void => {
    // The application has ended the channel with an error of its own.
    if (!(reason instanceof RxwireError)) throw reason;
    if (reported.has(reason)) return;
    reported.add(reason);
    wire.report(reason);
    wire.unseen?.unhandled(reason);
  };
  return ([observer, onError, onComplete]) => {
    // The subscriber of an operator handles errors itself.
    if (observer instanceof Subscriber) return observer;
    const isObserver = typeof observer === 'object' && observer !== null;
    const callbacks = (isObserver ? observer : { next: observer, error: onError, complete: onComplete }) as Partial<Observer<unknown>>;
    if (callbacks.error) return callbacks;
    return { next: (value) => callbacks.next?.(value), error, complete: () => callbacks.complete?.() };
  };
}
