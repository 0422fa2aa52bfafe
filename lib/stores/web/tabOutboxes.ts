import {
  BehaviorSubject,
  catchError,
  concat,
  concatMap,
  defer,
  EMPTY,
  exhaustMap,
  filter,
  finalize,
  ignoreElements,
  map,
  merge,
  NEVER,
  Observable,
  of,
  switchMap,
  take,
  tap,
  throwError,
  timer,
  type SchedulerLike,
} from 'rxjs';
import { browserChannel, type BroadcastChannelConstructor } from '../../io/shared/tabChannel.js';
import { browserLocks, held, type LocksLike } from '../../io/webLocks.js';
import { assertPositive, checkOptions } from '../../message/development.js';
import { asObservable } from '../../message/maybeAsync.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { Wire } from '../../wire/wire.js';
import type { OutboxStore } from '../outboxStore.js';
import { whileHeld } from './exclusive.js';
import type { StorageLike } from './webStorageOutbox.js';

export interface TabOutboxesOptions {
  /**
   * How long the outbox of a closed tab stays unused, in ms, so that a tab that reloads can
   * continue with it. After that, another tab drains the outbox within the same time.
   * @default 5_000
   */
  readonly drainAfter?: number;
  /**
   * The lock manager; `false`: all tabs have the same outbox, and `drainClosed` completes at once.
   * @default the browser's Web Locks, if available
   */
  readonly locks?: LocksLike | false | undefined;
  /** The class of the channels between tabs. @default the browser's, if available */
  readonly BroadcastChannel?: BroadcastChannelConstructor | undefined;
  /** Keeps the number of the tab's outbox for a reload. @default sessionStorage, if available */
  readonly storage?: Pick<StorageLike, 'getItem' | 'setItem'> | undefined;
  /** The scheduler for timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/** The part of a wire that `drainClosed` uses. */
export type DrainingWire = Pick<Wire, 'state' | 'state$' | 'complete' | 'unsubscribe'>;

/** The outbox of a closed tab, after another tab has drained it. */
export interface DrainedOutbox {
  readonly name: string;
  /** The reason why messages may be left; absent if the wire has completed. */
  readonly error?: unknown;
}

export interface TabOutboxes {
  /**
   * The outbox of this tab, for `connect`. `open` takes the first outbox that no tab has open, and
   * delivers a `StoreError`, `failed`, if all 32 are open.
   */
  readonly own: OutboxStore;
  /**
   * While subscribed, sends the messages that closed and crashed tabs have left: for each such
   * outbox, it calls `connectWith`, completes the wire as soon as it is connected, and waits for
   * its end. One tab of the site does so at a time, one outbox after the other. Emits each drained
   * outbox. After an error, it continues after a minute. Unsubscribing ends the wire at once; its
   * messages stay in the outbox.
   *
   * @param connectWith Returns `connect({ …, outbox })`.
   * @throws {DOMException} Delivered, when the browser refuses the locks.
   */
  drainClosed(connectWith: (outbox: OutboxStore) => DrainingWire): Observable<DrainedOutbox>;
}

const MAX_TABS = 32;
const NUMBERS: readonly number[] = /* @__PURE__ */ Array.from({ length: MAX_TABS }, (_, index) => index + 1);
/** The pause after an outbox that could not be drained, in ms. */
const PAUSE = 60_000;

/**
 * Gives each tab of a site an outbox of its own, for at most 32 tabs. A tab that is opened or
 * reloaded continues with the outbox of a closed tab, as the same client, and an open tab can drain
 * the outboxes of closed tabs.
 *
 * Without Web Locks (Node, insecure pages), all tabs have the outbox `name`, and `drainClosed`
 * completes at once. It does so without `BroadcastChannel`, too.
 *
 * @param name Names the outboxes: `name`, `name-2`, up to `name-32`.
 * @param make Returns the outbox with a name, such as `indexedDbOutbox` or `webStorageOutbox`.
 * @throws {RangeError} At call time, if `drainAfter` is not positive.
 * @example
 * ```ts no-run
 * import { connect, tabOutboxes, webSocket } from 'rxwire';
 * import { indexedDbOutbox } from 'rxwire/indexeddb';
 *
 * const link = webSocket('ws://127.0.0.1:4870/wire');
 * const outboxes = tabOutboxes('orders', (name) => indexedDbOutbox(name));
 * const wire = connect({ link, outbox: outboxes.own });
 * outboxes
 *   .drainClosed((outbox) => connect({ link, outbox }))
 *   .subscribe(({ name, error }) => console.log(name, error ?? 'sent'));
 * ```
 */
export function tabOutboxes(name: string, make: (name: string) => OutboxStore, options: TabOutboxesOptions = {}): TabOutboxes {
  checkOptions('tabOutboxes', options);
  const { drainAfter = 5_000, scheduler = steadyScheduler() } = options;
  const { locks = browserLocks(), BroadcastChannel = browserChannel(), storage = browserStorage() } = options;
  assertPositive('tabOutboxes', { drainAfter });
  if (!locks) return { own: make(name), drainClosed: () => EMPTY };
  const group: Group = { name: `rxwire:outboxes:${name}`, locks, BroadcastChannel, storage };
  const nameOf = (number: number): string => (number === 1 ? name : `${name}-${number}`);
  return {
    own: ownOutbox(group, (number) => make(nameOf(number)), scheduler),
    drainClosed: (connectWith) =>
      BroadcastChannel
        ? held(locks, group.name).pipe(
            switchMap(() => drainAll(group, (number) => drained(nameOf(number), make, connectWith), drainAfter, scheduler)),
          )
        : EMPTY,
  };
}

interface Group {
  readonly name: string;
  readonly locks: LocksLike;
  readonly BroadcastChannel: BroadcastChannelConstructor | undefined;
  readonly storage: TabOutboxesOptions['storage'];
}

/** The tab with the outbox of this number holds this lock. */
const lockOf = (group: string, number: number): string => `${group}:${number}`;

function ownOutbox(group: Group, make: (number: number) => OutboxStore, scheduler: SchedulerLike): OutboxStore {
  const store$ = new BehaviorSubject(make(1));
  let latest: number | undefined;
  const choose = (number: number): void => {
    store$.next(make(number));
    latest = number;
    announce(group, number);
    try {
      group.storage?.setItem(group.name, String(number));
    } catch {
      // There is no room. A reload then takes the first free number.
    }
  };
  const noneFree = () => new Error(`tabOutboxes: ${MAX_TABS} tabs have an outbox open: close one of them`);
  const lock$ = defer(() => {
    const stored = group.storage?.getItem(group.name);
    const before = NUMBERS.filter((number) => (latest === undefined ? String(number) === stored : number === latest));
    // The browser has not released the lock yet that `close` has released in this task.
    const released$ = latest === undefined ? EMPTY : timer(0, scheduler).pipe(ignoreElements());
    const locks = [...new Set([...before, ...NUMBERS])].map((number) =>
      held(group.locks, lockOf(group.name, number), 'ifAvailable').pipe(tap(() => choose(number))),
    );
    return concat(released$, ...locks, throwError(noneFree));
  });
  const { isDurable, durability, maxMessages, maxBytes } = store$.value;
  const current = {
    open: () => store$.value.open(),
    close: () => store$.value.close(),
    faults$: store$.pipe(switchMap(({ faults$ = NEVER }) => faults$)),
  };
  const locked = whileHeld(current, lock$);
  return {
    isDurable,
    durability,
    maxMessages,
    maxBytes,
    ...locked,
    isWaiting: () => locked.isWaiting() || store$.value.isWaiting?.() === true,
    write: (change) => store$.value.write(change),
  };
}

/** Tells the draining tab that this tab has opened the outbox with this number. */
function announce({ BroadcastChannel, name }: Group, number: number): void {
  if (!BroadcastChannel) return;
  const channel = new BroadcastChannel(name);
  channel.postMessage(number);
  channel.close();
}

/**
 * Drains each outbox that no tab has open in two rounds, holding its lock. After that, it leaves
 * the outbox alone until a tab announces that it has opened the outbox.
 */
function drainAll(
  { name, locks, BroadcastChannel }: Group,
  drain: (number: number) => Observable<DrainedOutbox | undefined>,
  interval: number,
  scheduler: SchedulerLike,
): Observable<DrainedOutbox> {
  const unchecked = new Set(NUMBERS);
  /** The numbers that were free in the last round. */
  let free = new Set<number>();

  const announced$ = new Observable<never>((to) => {
    if (!BroadcastChannel) return;
    const channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }) => {
      const number = data as number;
      free.delete(number);
      if (NUMBERS.includes(number)) unchecked.add(number);
    };
    to.add(() => channel.close());
  });
  const due = (lockNames: ReadonlySet<string | undefined>): readonly number[] => {
    const freeBefore = free;
    free = new Set([...unchecked].filter((number) => !lockNames.has(lockOf(name, number))));
    return [...free].filter((number) => freeBefore.has(number));
  };
  const drainOne = (number: number) =>
    held(locks, lockOf(name, number), 'ifAvailable').pipe(
      tap(() => unchecked.delete(number)),
      switchMap(() => drain(number)),
      // Releases the lock.
      take(1),
      filter((result) => result !== undefined),
      concatMap((result) => {
        if (result.error === undefined) return of(result);
        unchecked.add(number);
        return concat(of(result), timer(PAUSE, scheduler).pipe(ignoreElements()));
      }),
    );
  const round$ = defer(async () => new Set((await locks.query?.())?.held?.map((lock) => lock.name)));
  const rounds$ = timer(0, interval, scheduler).pipe(exhaustMap(() => round$.pipe(concatMap(due), concatMap(drainOne))));
  return merge(announced$, rounds$);
}

/** Sends all messages of an outbox. Emits once, at the end: undefined if there were none. */
function drained(name: string, make: (name: string) => OutboxStore, connectWith: (outbox: OutboxStore) => DrainingWire) {
  return defer((): Observable<DrainedOutbox | undefined> => {
    const outbox = make(name);
    return asObservable(() => outbox.exists?.() ?? true).pipe(
      switchMap((exists) => (exists ? asObservable(() => outbox.open()) : of(undefined))),
      switchMap((contents) => {
        outbox.close();
        return contents && contents.batches.length > 0 ? endOf(() => connectWith(outbox)).pipe(map(() => ({ name }))) : of(undefined);
      }),
      finalize(() => outbox.close()),
    );
  }).pipe(catchError((error: unknown) => of({ name, error })));
}

/** Opens a wire, completes it as soon as it is connected, and emits at its end. */
function endOf(open: () => DrainingWire): Observable<void> {
  return defer(() => {
    const wire = open();
    return wire.state$.pipe(
      tap(({ status }) => {
        if (status === 'connected') wire.complete();
      }),
      filter(({ isFinal }) => isFinal === true),
      map(({ status, error }) => {
        if (status === 'error') throw error;
      }),
      take(1),
      // A wire that has ended still completes its own subscribers.
      finalize(() => wire.state.isFinal ?? wire.unsubscribe()),
    );
  });
}

/** Returns `sessionStorage`, if there is one. Its getter throws if the storage is disabled. */
function browserStorage(): TabOutboxesOptions['storage'] {
  try {
    return (globalThis as { readonly sessionStorage?: StorageLike }).sessionStorage;
  } catch {
    return undefined;
  }
}
