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

/** The message types that a subscriber handles. */
export interface SubscribedTypes {
  /** The types, as patterns: now, and at each change. */
  readonly patterns$: Observable<readonly (string | RegExp)[]>;
  /** Returns whether the subscriber handles messages of a type now. */
  readonly has: (type: string) => boolean;
}

let current: SubscribedTypes | undefined;

/**
 * Makes the types of a subscriber available to the source while it is being subscribed to; see
 * {@link subscribeContext}.
 */
export function withSubscribeContext<T>(types: SubscribedTypes): MonoTypeOperatorFunction<T> {
  return (source) =>
    // eslint-disable-next-line no-restricted-syntax -- the very subscriber continues to the source: nothing is between them that could leak or lose
    new Observable((subscriber) => {
      const outer = current;
      current = types;
      try {
        return source.subscribe(subscriber);
      } finally {
        current = outer;
      }
    });
}

/**
 * Returns the types of the current synchronous subscription, if it has any. They pass through all
 * operators that subscribe synchronously.
 */
export function subscribeContext(): SubscribedTypes | undefined {
  return current;
}
