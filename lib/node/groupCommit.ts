import type { RootDatabase } from 'lmdb';
import { AsyncSubject, defer, type Observable } from 'rxjs';
import type { StoreError } from '../errors.js';
import { commitFailure, asLmdbStoreError } from './lmdbStoreError.js';

/**
 * Writes to one environment, one transaction at a time. Each transaction contains all jobs that
 * arrived during the previous one.
 */
export interface GroupCommit {
  /** Runs `job` in a transaction when it is subscribed to. Emits its result when it is durable. */
  write<T>(job: () => T): Observable<T>;
  /** Whether a job is running. */
  readonly isInside: boolean;
  /** Whether there is anything left to write. */
  readonly isBusy: boolean;
}

interface WaitingJob {
  /** Runs inside the transaction; does not throw. */
  run(): void;
  /** Completes or fails the job; `failure` if the transaction was not stored. */
  settle(failure?: StoreError): void;
}

/** @param onEnd Called after each transaction. */
export function createGroupCommit(root: RootDatabase, path: string, onEnd: () => void): GroupCommit {
  let waiting: WaitingJob[] = [];
  let isInside = false;
  let isBusy = false;

  const writeGroup = (): void => {
    isBusy = true;
    let group: readonly WaitingJob[] = [];
    const runAll = (): void => {
      [group, waiting] = [waiting, []];
      isInside = true;
      for (const waitingJob of group) waitingJob.run();
      isInside = false;
    };
    const end = (failure?: StoreError): void => {
      isBusy = false;
      if (waiting.length > 0) writeGroup();
      for (const waitingJob of group) waitingJob.settle(failure);
      onEnd();
    };
    root.transaction(runAll).then(
      () => end(),
      async (reason: unknown) => end(asLmdbStoreError(await commitFailure(reason), path)),
    );
  };

  return {
    write: <T>(job: () => T): Observable<T> =>
      defer(() => {
        const result = new AsyncSubject<T>();
        waiting.push(createWaitingJob(root, path, job, result));
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

/** Wraps a job in a transaction of its own, nested in that of the group. */
function createWaitingJob<T>(root: RootDatabase, path: string, job: () => T, result: AsyncSubject<T>): WaitingJob {
  let failed: { readonly reason: unknown } | undefined;
  return {
    run() {
      try {
        void root.childTransaction(() => result.next(job()));
      } catch (reason) {
        failed = { reason };
      }
    },
    settle(failure) {
      if (failed) result.error(asLmdbStoreError(failed.reason, path));
      else if (failure) result.error(failure);
      else result.complete();
    },
  };
}
