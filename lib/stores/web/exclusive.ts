import {
  catchError,
  defer,
  EMPTY,
  finalize,
  merge,
  ReplaySubject,
  Subject,
  Subscription,
  switchMap,
  tap,
  throwError,
  type Observable,
} from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { StoreError } from '../../message/errors.js';
import { asObservable, type MaybeAsync } from '../../message/maybeAsync.js';
import { durable } from '../../wire/session/clientStores.js';
import { browserLocks, held, type LocksLike } from '../../io/webLocks.js';
import type { OutboxStore } from '../outboxStore.js';

export interface ExclusiveOptions {
  /** The lock manager; `false`: no lock. @default the browser's Web Locks, if available */
  readonly locks?: LocksLike | false | undefined;
  /** Takes the lock from its holder, which is fenced. @default false */
  readonly steal?: boolean;
}

/**
 * Returns a store that one tab at a time can own. `open` waits for the lock `rxwire:<name>`, and
 * the tab holds the lock until `close`. In a second tab, `open` stays pending until the first tab
 * has closed its store or ended; the messages of the second tab wait in memory.
 *
 * Without Web Locks (Node, insecure pages), the store opens at once, and fences earlier owners.
 *
 * When another tab steals the lock, `faults$` emits `fenced`. The epoch of the store prevents
 * writes after the new owner has opened it.
 *
 * @param name Identifies the shared store.
 * @example
 * import { exclusive, memoryOutbox } from 'rxwire';
 *
 * const store = exclusive(memoryOutbox(), 'orders'); // any store of your own
 */
export function exclusive(store: OutboxStore, name: string, options: ExclusiveOptions = {}): OutboxStore {
  checkOptions('exclusive', options);
  const locked = withLock(store, name, options);
  if (!locked) return store;
  return {
    isDurable: store.isDurable,
    // Also for a store in memory: a fenced session must end.
    durability: durable,
    maxMessages: store.maxMessages,
    maxBytes: store.maxBytes,
    exists: () => store.exists?.() ?? true,
    write: (change) => store.write(change),
    ...locked,
  };
}

/** The part of an outbox or of a queue that a lock concerns. */
export interface Openable<C> {
  open(): MaybeAsync<C>;
  close(): void;
  readonly faults$?: Observable<StoreError>;
}

interface LockedStore<C> extends Required<Openable<C>> {
  isWaiting(): boolean;
}

/** Returns the methods of a store that is open under the lock `rxwire:<name>`, if possible. */
export function withLock<C>(store: Openable<C>, name: string, options: ExclusiveOptions): LockedStore<C> | undefined {
  const { locks = browserLocks(), steal = false } = options;
  return locks ? whileHeld(store, held(locks, `rxwire:${name}`, steal ? 'steal' : 'wait')) : undefined;
}

/**
 * Returns the methods of a store that can only be open while the tab holds a lock.
 *
 * @param lock$ Emits when the tab has the lock, and holds it until unsubscribed, see `held`.
 */
export function whileHeld<C>(store: Openable<C>, lock$: Observable<void>): LockedStore<C> {
  const stolen$ = new Subject<StoreError>();
  let ownLock = Subscription.EMPTY;
  let isWaiting = false;
  const open$ = defer(() => {
    const contents$ = new ReplaySubject<C>(1);
    let isOpen = false;
    ownLock.unsubscribe();
    isWaiting = true;
    const mine = lock$
      .pipe(
        catchError((cause: unknown) => throwError(() => lockError(cause))),
        tap({ next: () => (isWaiting = false), finalize: () => (isWaiting = false) }),
        switchMap(() => asObservable(() => store.open())),
      )
      .subscribe({
        next: (contents) => {
          isOpen = true;
          contents$.next(contents);
          contents$.complete();
        },
        error: (error: StoreError) => (isOpen ? stolen$.next(error) : contents$.error(error)),
      });
    ownLock = mine;
    // Unsubscribing after the contents keeps the lock; unsubscribing earlier gives it up.
    return contents$.pipe(finalize(() => isOpen || mine.unsubscribe()));
  });
  return {
    open: () => open$,
    isWaiting: () => isWaiting,
    close() {
      store.close();
      ownLock.unsubscribe();
    },
    faults$: merge(stolen$, store.faults$ ?? EMPTY),
  };
}

/** Converts a rejection of the API: an `AbortError` means that the lock was stolen. */
function lockError(cause: unknown): StoreError {
  return new StoreError('web-locks', (cause as Error).name === 'AbortError' ? 'fenced' : 'failed', cause);
}
