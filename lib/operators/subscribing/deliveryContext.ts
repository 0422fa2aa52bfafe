import { type MonoTypeOperatorFunction, Observable } from 'rxjs';

/** The message that a session is delivering. */
export interface DeliveryContext {
  /** Called when all subscribers have received it and none has handled it; false once one has. */
  unhandled: (() => void) | false | undefined;
}

export const deliveryContext: { current: DeliveryContext | undefined } = { current: undefined };

/** Marks the message as handled by a subscriber for its type. */
export function noteHandled(): void {
  if (deliveryContext.current) deliveryContext.current.unhandled = false;
}

/** The message types that a subscriber handles, as patterns. */
export type SubscribedPatterns = Observable<readonly (string | RegExp)[]>;

let current: SubscribedPatterns | undefined;

/**
 * Makes patterns available to the source while it is being subscribed to; see {@link
 * subscribeContext}.
 */
export function withSubscribeContext<T>(patterns$: SubscribedPatterns): MonoTypeOperatorFunction<T> {
  return (source) =>
    // eslint-disable-next-line no-restricted-syntax -- the very subscriber continues to the source: nothing is between them that could leak or lose
    new Observable((subscriber) => {
      const outer = current;
      current = patterns$;
      try {
        return source.subscribe(subscriber);
      } finally {
        current = outer;
      }
    });
}

/**
 * Returns the patterns of the current synchronous subscription, if it has any. They pass through
 * all operators that subscribe synchronously.
 */
export function subscribeContext(): SubscribedPatterns | undefined {
  return current;
}
