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

/** A subscriber of an operator of RxJS. */
interface Operator {
  readonly destination?: object | null;
}

/** The subscriber that is being subscribed, and its types. */
let current: { readonly subscriber: object; readonly types: SubscribedTypes } | undefined;

/** The subscribers that operators notify, by those that RxJS made for the operators. */
const destinations = /* @__PURE__ */ new WeakMap<object, object>();

/** Shows a source the types of a subscriber during `subscribe`; see {@link subscribeContext}. */
export function withSubscribeContext<T>(types: SubscribedTypes): MonoTypeOperatorFunction<T> {
  return (source) =>
    // eslint-disable-next-line no-restricted-syntax -- the very subscriber continues to the source: nothing is between them that could leak or lose
    new Observable((subscriber) => {
      const outer = current;
      current = { subscriber, types };
      try {
        return source.subscribe(subscriber);
      } finally {
        current = outer;
      }
    });
}

/** Notes which subscriber receives the values of the present one: RxJS does not know it. */
export function withDestination<T>(destination: object): MonoTypeOperatorFunction<T> {
  return (source) =>
    // eslint-disable-next-line no-restricted-syntax -- the very subscriber continues to the source
    new Observable((subscriber) => {
      destinations.set(subscriber, destination);
      return source.subscribe(subscriber);
    });
}

/**
 * Returns the types of the current synchronous subscription, if the values of `subscriber` reach
 * it alone. Behind a `share`, other subscribers may receive them, too.
 */
export function subscribeContext(subscriber: object): SubscribedTypes | undefined {
  for (let next: object | null | undefined = current && subscriber; next; next = destinations.get(next) ?? (next as Operator).destination)
    if (next === current?.subscriber) return current.types;
  return undefined;
}
