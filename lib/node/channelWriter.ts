import { AsyncSubject, type Observable } from 'rxjs';
import { OverflowError, type StoreError } from '../errors.js';
import type { ChannelEdit } from './channelRows.js';
import type { LmdbEnvironment } from './lmdbEnvironment.js';
import { asLmdbStoreError } from './lmdbStoreError.js';

/** Writes changes of channels. */
export interface ChannelWriter {
  /**
   * Makes a change in the next transaction, after those of earlier calls. Emits the result of
   * `finish`, or its exception, when the transaction is durable.
   *
   * @param change Makes the change, inside the transaction.
   * @throws {OverflowError} If too many changes wait.
   */
  write<T, U>(change: (edit: ChannelEdit) => T, finish: (result: T) => U): Observable<U>;
}

export interface ChannelWriterOptions {
  readonly environment: LmdbEnvironment;
  readonly begin: () => ChannelEdit;
  /** The maximum number of changes that wait. */
  readonly maxPending: number;
  /** Called when all changes of a transaction are finished. */
  readonly onSettled: () => void;
}

interface WaitingChange {
  /** Runs inside a transaction. */
  run(edit: ChannelEdit): void;
  settle(failure?: StoreError): void;
}

/**
 * The maximum number of changes in one transaction, to bound the time for which it blocks the event
 * loop.
 */
const MAX_CHANGES = 1_000;

/**
 * Creates a writer. All changes that arrive while a transaction is written share the next one,
 * which reads and stores the state of each channel once. They have no transactions of their own: if
 * one cannot be written, none is.
 */
export function createChannelWriter({ environment, begin, maxPending, onSettled }: ChannelWriterOptions): ChannelWriter {
  let waiting: WaitingChange[] = [];
  let isWriting = false;

  const take = (): readonly WaitingChange[] => {
    const group = waiting.slice(0, MAX_CHANGES);
    waiting = waiting.slice(MAX_CHANGES);
    return group;
  };
  const writeGroup = (): void => {
    isWriting = true;
    let group: readonly WaitingChange[] = [];
    const runAll = (): void => {
      group = take();
      const edit = begin();
      for (const change of group) change.run(edit);
      edit.end();
    };
    const end = (failure?: StoreError): void => {
      // The transaction may have failed before it was begun.
      if (failure && group.length === 0) group = take();
      isWriting = false;
      if (waiting.length > 0) writeGroup();
      for (const change of group) change.settle(failure);
      onSettled();
    };
    environment.write(runAll).subscribe({
      error: (reason: unknown) => end(asLmdbStoreError(reason, environment.path)),
      complete: () => end(),
    });
  };

  return {
    write(change, finish) {
      if (waiting.length >= maxPending) throw new OverflowError('lmdb', maxPending);
      const { result$, ...waitingChange } = createWaitingChange(change, finish);
      waiting.push(waitingChange);
      if (!isWriting) writeGroup();
      return result$;
    },
  };
}

function createWaitingChange<T, U>(change: (edit: ChannelEdit) => T, finish: (result: T) => U) {
  const result$ = new AsyncSubject<U>();
  let result: T;
  return {
    result$,
    run(edit: ChannelEdit): void {
      result = change(edit);
    },
    settle(failure?: StoreError): void {
      if (failure) {
        result$.error(failure);
        return;
      }
      try {
        result$.next(finish(result));
        result$.complete();
      } catch (reason) {
        result$.error(reason);
      }
    },
  };
}
