import { closeSync, fsyncSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database, RootDatabase } from 'lmdb';
import { defer, finalize, Observable, Subject, type Subscriber } from 'rxjs';
import { StoreError, UnsupportedError } from '../../message/errors.js';
import { openDatabases, PLAIN_VALUES, RESERVED_PREFIX, type LmdbKey } from './lmdbDatabases.js';
import { asLmdbStoreError, commitFailure } from './lmdbStoreError.js';
import { loadLmdb } from './lmdbPackage.cjs';
import { createTrampoline } from '../../operators/subscribing/trampoline.js';
import type { ChannelBroadcast, ChannelEntry } from '../../channels/channelLog.js';
import { createUsedKeys } from '../../server/limits/keyedCounts.js';

/** The maximum number of databases in a folder, which LMDB needs when it opens. */
const MAX_DATABASES = 128;

/** One LMDB environment, shared by all parts of this process that have opened its folder. */
export type LmdbEnvironment = ReturnType<typeof createLmdbEnvironment>;

/** A database that only folders of earlier versions have. */
const EARLIER_DATABASE = `${RESERVED_PREFIX}heads`;

const environments = new Map<string, LmdbEnvironment>();

/**
 * Opens the environment in this folder, which is created if it does not exist.
 *
 * @throws {StoreError} If the folder cannot be opened.
 */
export function openLmdbEnvironment(folder: string): LmdbEnvironment {
  try {
    mkdirSync(folder, { recursive: true });
    const path = realpathSync(folder);
    const environment = environments.get(path) ?? createLmdbEnvironment(path);
    environments.set(path, environment);
    environment.hold();
    return environment;
  } catch (reason) {
    throw asLmdbStoreError(reason, folder);
  }
}

function createLmdbEnvironment(path: string) {
  const root = openRoot(path);
  if ([...root.getKeys()].includes(EARLIER_DATABASE)) {
    void root.close();
    throw new StoreError('lmdb', 'failed', new Error(`${path} was written by an earlier version of rxwire: use another folder`));
  }
  [path, dirname(path)].forEach(syncFolder);
  const tables = new Map<string, Database<unknown, LmdbKey>>();
  let references = 0;
  let isClosed = false;

  const closeWhenIdle = (): void => {
    if (references > 0 || writes.isBusy || isClosed) return;
    isClosed = true;
    environments.delete(path);
    void root.close();
  };
  const writes = createGroupCommit(root, path, closeWhenIdle);

  return {
    path,
    databases: openDatabases(root),
    /** The logs that this process uses: they do not expire. */
    usedLogs: createUsedKeys(),
    channelTails: createLocalTails(),
    /** Whether a job is running. */
    get isInside() {
      return writes.isInside;
    },
    hold: () => {
      references++;
    },
    /** Closes the environment when all users have released it and all writes are done. */
    release: () => {
      references--;
      closeWhenIdle();
    },
    /**
     * Runs `job` in a transaction when it is subscribed to. Emits the result of the job when it is
     * durable. An exception rolls back this job only, and is delivered as a {@link StoreError}.
     *
     * Jobs that arrive while a transaction is being written share the next one: group commit.
     */
    write: <T>(job: () => T): Observable<T> =>
      new Observable((to) => {
        if (isClosed) to.error(new StoreError('lmdb', 'failed', new Error(`${path} is closed`)));
        else writes.add(createWaitingJob(root, path, job, to));
      }),
    get isClosed() {
      return isClosed;
    },
    /** Returns a database of the application. Inside a transaction, it must exist already. */
    table: (name: string): Database<unknown, LmdbKey> => {
      const known = tables.get(name);
      if (known) return known;
      if (writes.isInside) throw new Error(`open the table ${name} before the transaction`);
      const table = root.openDB<unknown, LmdbKey>({ name, ...PLAIN_VALUES });
      tables.set(name, table);
      return table;
    },
  };
}

type WaitingJob = ReturnType<typeof createWaitingJob>;

/** The maximum number of jobs in one transaction: the event loop has its turn then. */
const MAX_GROUP = 256;

/**
 * Writes to one environment, one transaction at a time. Each transaction contains the jobs that
 * arrived during the previous one, up to {@link MAX_GROUP}.
 *
 * @param onEnd Called after each transaction.
 */
function createGroupCommit(root: RootDatabase, path: string, onEnd: () => void) {
  const waiting: WaitingJob[] = [];
  const commits = {
    /** Whether a job is running. */
    isInside: false,
    /** Whether there is anything left to write. */
    isBusy: false,
    add(job: WaitingJob): void {
      waiting.push(job);
      if (!commits.isBusy) writeGroup();
    },
  };
  const writeGroup = (): void => {
    commits.isBusy = true;
    let group: readonly WaitingJob[] = [];
    const runAll = (): void => {
      group = waiting.splice(0, MAX_GROUP);
      commits.isInside = true;
      for (const waitingJob of group) waitingJob.run();
      commits.isInside = false;
    };
    const end = (failure?: StoreError): void => {
      commits.isBusy = false;
      if (waiting.length > 0) writeGroup();
      for (const waitingJob of group) waitingJob.onCommitted(failure);
      onEnd();
    };
    root.transaction(runAll).then(
      () => end(),
      async (reason: unknown) => end(asLmdbStoreError(await commitFailure(reason), path)),
    );
  };
  return commits;
}

/** Wraps a job in a transaction of its own, nested in that of the group. */
function createWaitingJob<T>(root: RootDatabase, path: string, job: () => T, to: Subscriber<T>) {
  let failed: { readonly reason: unknown } | undefined;
  let result: T;
  return {
    /** Runs inside the transaction; does not throw. */
    run() {
      try {
        void root.childTransaction(() => (result = job()));
      } catch (reason) {
        failed = { reason };
      }
    },
    /** Completes or fails the job. @param failure If the transaction was not stored. */
    onCommitted(failure?: StoreError) {
      if (failed || failure) {
        to.error(failed ? asLmdbStoreError(failed.reason, path) : failure);
        return;
      }
      to.next(result);
      to.complete();
    },
  };
}

type Emission = ChannelEntry | ChannelBroadcast;

/** Creates the tails of channels for this process. Each exists while it has subscribers. */
function createLocalTails() {
  const tails = new Map<string, Subject<Emission>>();
  const notifications = createTrampoline();
  return {
    /** Emits each entry and broadcast of a channel from the time of subscription on. */
    of: (channel: string): Observable<Emission> =>
      defer(() => {
        const tail = tails.get(channel) ?? new Subject<Emission>();
        tails.set(channel, tail);
        return tail.pipe(
          finalize(() => {
            if (!tail.observed && tails.get(channel) === tail) tails.delete(channel);
          }),
        );
      }),
    has: (channel: string): boolean => tails.has(channel),
    /** Adds an entry or a broadcast. `emit` emits it. */
    add(channel: string, entry: Emission): void {
      const tail = tails.get(channel);
      if (tail) notifications.add(() => tail.next(entry));
    },
    /** Emits all added entries. Broadcasts during the emission follow, in order. */
    emit: (): void => notifications.run(),
  };
}

function openRoot(path: string): RootDatabase {
  return packageOf().open({
    path,
    maxDbs: MAX_DATABASES,
    noSubdir: false, // a folder, even if its name contains a dot
    // A transaction is confirmed when it is on the disk: the group commit needs no overlapping.
    overlappingSync: false,
    // With batching, a failed commit also rejects a hidden promise, which would end the process.
    eventTurnBatching: false,
  });
}

/** @throws {UnsupportedError} When the package is not installed. */
function packageOf(): ReturnType<typeof loadLmdb> {
  try {
    return loadLmdb();
  } catch (cause) {
    throw new UnsupportedError('the package lmdb cannot be loaded: run npm install lmdb', cause);
  }
}

/** A new file survives a power failure only if its folder is synced. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return; // Windows cannot open folders
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
}
