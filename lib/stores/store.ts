import { catchError, defer, noop, throwError, type Observable } from 'rxjs';
import { isPromise, type MaybeAsync } from '../message/maybeAsync.js';

export interface LogEntry {
  /** Identifies the entry. A log is sorted by its keys. */
  readonly key: number;
  /** The stored value; `undefined` if it is unreadable. */
  readonly value: unknown;
}

/** A named log, as a transaction reads it. */
export interface Log {
  /** The head; `undefined` if the log does not exist, `null` if the head is unreadable. */
  readonly head: unknown;
  /** The highest key that was ever used; 0 if there was none. */
  readonly last: number;
  /** The entries in the range that was read, in the order of their keys. */
  readonly entries: readonly LogEntry[];
}

/** The entries to be read. */
export interface LogRange {
  /** The range starts behind this key. @default at the first entry */
  readonly after?: number;
  /** The maximum number of entries. @default Infinity */
  readonly limit?: number;
}

/** A change of a log, which creates the log if it does not exist. */
export interface LogChange {
  /** The new head. It replaces the other as a whole. @default the head stays */
  readonly head?: unknown;
  /** The ranges of keys to remove, before `put`. Both ends are included. @default none */
  readonly drop?: readonly (readonly [from: number, to: number])[];
  /** The entries to add. The default of a key is the one behind `last`. @default none */
  readonly put?: readonly { readonly key?: number; readonly value: unknown }[];
  /** The maximum number of entries. The log evicts the oldest above it. @default Infinity */
  readonly maxCount?: number;
}

export interface ChangedLog {
  /** The entries that `maxCount` has removed. */
  readonly evicted: readonly LogEntry[];
}

export const ALL_KEYS = [0, Infinity] as const;
export const HEAD_ONLY: LogRange = { limit: 0 };

/** Returns whether a stored value is a key, or the number of a message. */
export const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** The `perform` of a store whose transactions have no effects. */
export const noEffects = (): never => {
  throw new Error('the transactions of this store have no effects');
};

/**
 * Runs an effect of the application.
 * @throws {TypeError} If it returns a promise: its writes would not be in the transaction.
 */
export function runEffect<Tx>(effect: (transaction: Tx) => unknown, transaction: Tx): void {
  const returned = effect(transaction);
  if (!isPromise(returned)) return;
  returned.then(noop, noop);
  throw new TypeError('an effect must be synchronous, but returned a promise');
}

/** Runs a transaction whose effects call `perform`. Their exceptions are delivered unchanged. */
export function withEffects<T>(
  run: (perform: <Tx>(effect: (transaction: Tx) => unknown, transaction: Tx) => void) => Observable<T>,
): Observable<T> {
  return defer(() => {
    let thrown: { readonly reason: unknown } | undefined;
    const performed$ = run((effect, transaction) => {
      thrown = undefined;
      try {
        runEffect(effect, transaction);
      } catch (reason) {
        thrown = { reason };
        throw reason;
      }
    });
    return performed$.pipe(catchError((error: unknown) => throwError(() => (thrown ? thrown.reason : error))));
  });
}

/** A transaction of a store: all of its changes are stored, or none. */
export interface StoreTransaction<Tx = unknown> {
  read(log: string, range?: LogRange): MaybeAsync<Log>;
  change(log: string, change: LogChange): MaybeAsync<ChangedLog>;
  /**
   * Runs an effect of the application, whose writes are part of the transaction.
   *
   * @param onFailed Called if a write of the effect fails after it has returned.
   */
  perform(effect: (transaction: Tx) => unknown, onFailed?: () => void): void;
}

/**
 * Named logs: a head, and entries with rising keys. Outboxes, inboxes, dead letters, queues and
 * results are written once, over this interface.
 *
 * All methods deliver their failures as a `StoreError`, but the error of an effect unchanged.
 */
export interface Store<Tx = unknown> {
  readonly name: string;
  /**
   * Runs `work` in one transaction, which reads the log `log` first. The result is available when
   * it is durable. If it is an Observable, the transaction begins when it is subscribed to.
   * Transactions take effect in the order of their beginnings.
   *
   * A store may run `work` again after a failure. `work` waits only for its transaction.
   *
   * @param size The number of messages that the work processes. @default 1
   */
  readonly transact: <T>(log: string, work: (transaction: StoreTransaction<Tx>) => MaybeAsync<T>, size?: number) => MaybeAsync<T>;
  /** Protects a log from expiring until `release` of the same user. @default logs do not expire */
  use?(user: unknown, log: string): void;
  release?(user: unknown): void;
  /** Emits when all data was lost while the store was open. @default the loss is not noticed */
  readonly lost$?: Observable<unknown>;
  /** Closes the store. A running transaction may still finish. */
  readonly close: () => void;
}

/** A store with reads that need no transaction. */
export interface ReadableStore<Tx = unknown> extends Store<Tx> {
  readonly read: (log: string, range?: LogRange) => MaybeAsync<Log>;
  count(log: string): MaybeAsync<number>;
}
