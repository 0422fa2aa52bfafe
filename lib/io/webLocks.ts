import { Observable } from 'rxjs';

/** The part of `navigator.locks` that rxwire uses. */
export interface LocksLike {
  request(
    name: string,
    options: { readonly steal?: boolean; readonly ifAvailable?: boolean; readonly signal?: AbortSignal },
    /** @param lock `null`: with `ifAvailable`, another tab holds the lock. */
    callback: (lock?: unknown) => Promise<void>,
  ): Promise<unknown>;
  /** Returns the locks that are held. Only `tabOutboxes` uses it. */
  query?(): Promise<{ readonly held?: readonly { readonly name?: string }[] }>;
}

/** Returns the Web Locks of the browser, if there are any. */
export const browserLocks = (): LocksLike | undefined =>
  (globalThis as { readonly navigator?: { readonly locks?: LocksLike } }).navigator?.locks;

/**
 * Emits when the tab has the lock, and holds the lock until unsubscribed. Fails when the lock is
 * refused or stolen.
 *
 * @param mode `steal` takes the lock from its holder. `ifAvailable` completes without a value when
 *   another tab holds the lock.
 */
export function held(locks: LocksLike, name: string, mode: 'wait' | 'steal' | 'ifAvailable' = 'wait'): Observable<void> {
  return new Observable((subscriber) => {
    const waiting = new AbortController();
    const released = new Promise<void>((release) => subscriber.add(release));
    subscriber.add(() => waiting.abort());
    const granted = (lock?: unknown): Promise<void> => {
      if (lock === null) subscriber.complete();
      else subscriber.next();
      return released;
    };
    // The API accepts `signal` only for a request that waits.
    const options = mode === 'wait' ? { signal: waiting.signal } : { [mode]: true };
    locks.request(name, options, granted).catch((error: unknown) => subscriber.error(error));
  });
}
