import type { RootDatabase } from 'lmdb';
import { AsyncSubject, defer, type Observable } from 'rxjs';
import type { StoreError } from '../errors.js';
import { commitFailure, storeError } from './storeError.js';

/** Writes to one environment: one transaction at a time, for all that has come meanwhile. */
export interface GroupCommit {
  /** Runs `job` in a transaction, once it is subscribed to; emits what it returned when that would survive a power failure. */
  write<T>(job: () => T): Observable<T>;
  /** Whether a job is running just now. */
  readonly isInside: boolean;
  /** Whether anything is still to be written. */
  readonly isBusy: boolean;
}

interface Waiting {
  /** Runs inside the transaction; does not throw. */
  run(): void;
  /** Tells how it went; `failure` when nothing of the transaction was stored. */
  tell(failure?: StoreError): void;
}

/** @param onEnd Called after each transaction. */
export function createGroupCommit(root: RootDatabase, path: string, onEnd: () => void): GroupCommit {
  let waiting: Waiting[] = [];
  let isInside = false;
  let isBusy = false;

  const writeGroup = (): void => {
    isBusy = true;
    let group: readonly Waiting[] = [];
    const runAll = (): void => {
      [group, waiting] = [waiting, []];
      isInside = true;
      for (const one of group) one.run();
      isInside = false;
    };
    const end = (failure?: StoreError): void => {
      isBusy = false;
      if (waiting.length > 0) writeGroup();
      for (const one of group) one.tell(failure);
      onEnd();
    };
    root.transaction(runAll).then(
      () => end(),
      async (reason: unknown) => end(storeError(await commitFailure(reason), path)),
    );
  };

  return {
    write: <T>(job: () => T): Observable<T> =>
      defer(() => {
        const result = new AsyncSubject<T>();
        waiting.push(createWaiting(root, path, job, result));
        if (!isBusy) writeGroup();
        return result;
      }),
    get isInside() {
      return isInside;
    },
    get isBusy() {
      return isBusy;
    },
  };
}

/** A job in a transaction of its own, nested in that of the group. */
function createWaiting<T>(root: RootDatabase, path: string, job: () => T, result: AsyncSubject<T>): Waiting {
  let failed: { readonly reason: unknown } | undefined;
  return {
    run() {
      try {
        void root.childTransaction(() => result.next(job()));
      } catch (reason) {
        failed = { reason };
      }
    },
    tell(failure) {
      if (failed) result.error(storeError(failed.reason, path));
      else if (failure) result.error(failure);
      else result.complete();
    },
  };
}
