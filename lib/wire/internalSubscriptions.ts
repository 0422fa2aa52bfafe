import type { Subscription } from 'rxjs';

type Shows = (id: string | undefined) => boolean;

const internal = /* @__PURE__ */ new WeakMap<object, Shows>();

/**
 * Marks a subscription of rxwire itself to a stream of a wire, and returns it.
 *
 * @param shows Returns whether the subscription shows the failure of a message, or of the wire, to
 *   the program.
 */
export function markInternal<S extends Subscription>(subscription: S, shows: Shows = () => false): S {
  internal.set(subscription, shows);
  return subscription;
}

export function isInternal(subscription: object): boolean {
  return internal.has(subscription);
}

/**
 * Returns how many subscribers of a Subject show a failure to the program.
 *
 * @param id The message that has failed; `undefined` for the wire.
 */
export function countViews(subject: { readonly observers: readonly object[] } | undefined, id?: string): number {
  return subject ? subject.observers.filter((observer) => internal.get(observer)?.(id) ?? true).length : 0;
}
