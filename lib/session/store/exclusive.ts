import { catchError, defer, EMPTY, finalize, merge, Observable, ReplaySubject, Subject, Subscription, switchMap, throwError } from 'rxjs';
import { StoreError } from '../../errors.js';
import { asObservable, type MaybeAsync } from '../../internal/maybeAsync.js';
import { durable } from '../durability.js';
import type { OutboxStore } from './outboxStore.js';

/** What `exclusive` needs of `navigator.locks`. */
export interface LocksLike {
  request(
    name: string,
    options: { readonly steal?: boolean; readonly signal?: AbortSignal },
    callback: () => Promise<void>,
  ): Promise<unknown>;
}

export interface ExclusiveOptions {
  /** Who keeps the locks; `false`: nobody, the store opens at once. @default the browser's Web Locks, where it has them */
  readonly locks?: LocksLike | false | undefined;
  /** Takes the lock from whoever has it, who is fenced: for a user who says that the other tab is not to be waited for. @default false */
  readonly steal?: boolean;
}

/**
 * Lets one tab at a time be the owner of a store. `open` waits until this one holds the lock `rxwire:<name>`, so that in a second tab it stays
 * pending until the first has closed, or is gone; what is sent there meanwhile waits in memory. The lock is held until `close`.
 *
 * Where there are no Web Locks (Node, pages that are not secure), the store opens at once, and whoever comes last fences the others.
 *
 * When the lock is stolen, `faults$` tells `fenced`; the store's epoch sees to it that nothing is written after the thief has opened it.
 *
 * @param name One for each place that is shared.
 * @example
 * const store = exclusive(memoryOutbox(), 'orders'); // any store of your own
 */
export function exclusive(store: OutboxStore, name: string, options: ExclusiveOptions = {}): OutboxStore {
  const lock = locked(name, options, () => store.open());
  if (!lock) return store;
  const { open, letGo, stolen$ } = lock;
  return {
    isDurable: store.isDurable,
    // Also in memory: who is fenced must end.
    durability: durable,
    maxMessages: store.maxMessages,
    maxBytes: store.maxBytes,
    open,
    append: (batches) => store.append(batches),
    trim: (acked) => store.trim(acked),
    replace: (acked, batches) => store.replace(acked, batches),
    remember: (ticket) => store.remember(ticket),
    close: () => {
      store.close();
      letGo();
    },
    faults$: merge(stolen$, store.faults$ ?? EMPTY),
  };
}

/** A store that opens only while the lock `rxwire:<name>` is had. */
export interface Locked<C> {
  readonly open: () => MaybeAsync<C>;
  /** To be called when it is closed. */
  readonly letGo: () => void;
  /** Tells `fenced` when the lock was stolen. */
  readonly stolen$: Observable<StoreError>;
}

/** Nothing is returned where there are no locks. */
export function locked<C>(name: string, options: ExclusiveOptions, open: () => MaybeAsync<C>): Locked<C> | undefined {
  const { locks = browserLocks(), steal = false } = options;
  if (!locks) return undefined;

  const stolen$ = new Subject<StoreError>();
  let tenure = Subscription.EMPTY;
  const open$ = defer(() => {
    const contents$ = new ReplaySubject<C>(1);
    let isOpen = false;
    tenure.unsubscribe();
    const mine = held(locks, `rxwire:${name}`, steal)
      .pipe(
        catchError((cause: unknown) => throwError(() => lockError(cause))),
        switchMap(() => asObservable(open)),
      )
      .subscribe({
        next: (contents) => {
          isOpen = true;
          contents$.next(contents);
          contents$.complete();
        },
        error: (error: StoreError) => (isOpen ? stolen$.next(error) : contents$.error(error)),
      });
    tenure = mine;
    // Who only wanted the contents leaves when they are there: the lock is held on. Who leaves before wants neither.
    return contents$.pipe(finalize(() => isOpen || mine.unsubscribe()));
  });
  return { open: () => open$, letGo: () => tenure.unsubscribe(), stolen$ };
}

/** Emits when the lock is had, and holds it for as long as it is subscribed to. It errors when the lock is refused, or stolen. */
function held(locks: LocksLike, name: string, steal: boolean): Observable<void> {
  return new Observable((subscriber) => {
    const waiting = new AbortController();
    const holding = new Promise<void>((letGo) => subscriber.add(letGo));
    subscriber.add(() => waiting.abort());
    const granted = (): Promise<void> => {
      subscriber.next();
      return holding;
    };
    // A lock that is stolen cannot be waited for, and the API refuses to be given both.
    locks.request(name, steal ? { steal } : { signal: waiting.signal }, granted).catch((error: unknown) => subscriber.error(error));
  });
}

/** What the API rejects with when a lock is stolen is an `AbortError`. */
function lockError(cause: unknown): StoreError {
  return new StoreError('web-locks', (cause as Error).name === 'AbortError' ? 'fenced' : 'failed', cause);
}

const browserLocks = (): LocksLike | undefined => (globalThis as { readonly navigator?: { readonly locks?: LocksLike } }).navigator?.locks;
