import { closeSync, fsyncSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { defer, type Observable } from 'rxjs';
import { StoreError } from '../errors.js';
import type { DeadLetter } from '../session/store/inbox.js';
import { openDatabases, PLAIN_VALUES, type Databases, type LmdbKey } from './databases.js';
import { createGroupCommit } from './groupCommit.js';

/** Databases in one folder: ours, and those of the application. LMDB wants a number when it opens. */
const MAX_DATABASES = 128;

/** One LMDB environment, shared by all of this process that have opened its folder. */
export interface Environment {
  readonly path: string;
  readonly databases: Databases;
  /** Dead letters that were kept by themselves: an inbox that is given one as well need not keep it again. */
  readonly keptLetters: WeakSet<DeadLetter>;
  /** The application's database of this name, made when it is new. A new one cannot be opened inside of a transaction. */
  table(name: string): Database<unknown, LmdbKey>;
  /**
   * Runs `job` in a transaction, once it is subscribed to; emits what that returned when it would survive a power failure. A throw undoes what
   * this job did, and no other; as a {@link StoreError}, it is the error.
   *
   * All jobs that come while a transaction is on its way to the disk share the next one: that is the group commit.
   */
  write<T>(job: () => T): Observable<T>;
  /** Whether a job is running just now. */
  readonly isInside: boolean;
  /** Closes it, when all that opened it have let go, and all that was to be written is. */
  release(): void;
}

const environments = new Map<string, ReturnType<typeof createEnvironment>>();

/** The environment in this folder, which is made where it is missing. */
export function openEnvironment(folder: string): Environment {
  mkdirSync(folder, { recursive: true });
  const path = realpathSync(folder);
  const environment = environments.get(path) ?? createEnvironment(path);
  environments.set(path, environment);
  environment.hold();
  return environment;
}

function createEnvironment(path: string) {
  const root = openRoot(path);
  [path, dirname(path)].forEach(syncFolder);
  const tables = new Map<string, Database<unknown, LmdbKey>>();
  let holders = 0;
  let isClosed = false;

  const closeWhenIdle = (): void => {
    if (holders > 0 || writes.isBusy || isClosed) return;
    isClosed = true;
    environments.delete(path);
    void root.close();
  };
  const writes = createGroupCommit(root, path, closeWhenIdle);

  return {
    path,
    databases: openDatabases(root),
    keptLetters: new WeakSet<DeadLetter>(),
    get isInside() {
      return writes.isInside;
    },
    hold: () => {
      holders++;
    },
    release: () => {
      holders--;
      closeWhenIdle();
    },
    write: <T>(job: () => T): Observable<T> =>
      defer(() => {
        if (isClosed) throw new StoreError('lmdb', 'failed', new Error(`${path} is closed`));
        return writes.write(job);
      }),
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

function openRoot(path: string): RootDatabase {
  return open({
    path,
    maxDbs: MAX_DATABASES,
    noSubdir: false, // a folder, also where its name has a dot
    // A transaction is answered when it is on the disk: then there is one thing to wait for. The group commit here does what overlapping would.
    overlappingSync: false,
    // With it, each failed commit also rejects a promise that nobody can get hold of, which ends the process.
    eventTurnBatching: false,
  });
}

/** A new file is there after a power failure only if its folder says so. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return; // where folders cannot be opened
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
}
