import { Observable } from 'rxjs';

/** The part of `navigator.locks` that rxwire uses. */
export interface LocksLike {
  request(
    name: string,
    options: { readonly steal?: boolean; readonly signal?: AbortSignal },
    callback: () => Promise<void>,
  ): Promise<unknown>;
}

/** Returns the Web Locks of the browser, if there are any. */
export const browserLocks = (): LocksLike | undefined =>
  (globalThis as { readonly navigator?: { readonly locks?: LocksLike } }).navigator?.locks;

/**
 * Emits when the tab has the lock, and holds the lock until unsubscribed. Fails when the lock is
 * refused or stolen.
 */
export function held(locks: LocksLike, name: string, steal = false): Observable<void> {
  return new Observable((subscriber) => {
    const waiting = new AbortController();
    const released = new Promise<void>((release) => subscriber.add(release));
    subscriber.add(() => waiting.abort());
    const granted = (): Promise<void> => {
      subscriber.next();
      return released;
    };
    // Stealing a lock does not wait, and the API does not accept `steal` together with `signal`.
    locks.request(name, steal ? { steal } : { signal: waiting.signal }, granted).catch((error: unknown) => subscriber.error(error));
  });
}
