import { nanoid } from 'nanoid';
import { firstValueFrom, Observable, type Subscriber } from 'rxjs';
import { FrameTooLargeError, StoreError } from '../../message/errors.js';
import { createUsedKeys } from '../../server/limits/keyedCounts.js';
import { asObservable, converted, isLater, type MaybeAsync } from '../../message/maybeAsync.js';
import { runEffect, type ChangedLog, type LogChange, type ReadableStore, type StoreTransaction } from '../store.js';
import { encodeMessage, partsOf } from './logMessage.js';
import { LogState, readLog, type LogLimit } from './logState.js';
import { corrupt, failed, type NatsContext } from './natsContext.js';
import type { SubjectStore } from './subjectStore.js';

export type StoreContext = Pick<NatsContext, 'maxPayload' | 'scheduler' | 'timeout' | 'report'>;

/** The stream of one kind of logs, and the limit of each of them. */
export interface StoreLogKind {
  readonly store: SubjectStore;
  readonly limit?: LogLimit;
}

/**
 * Logs in streams of NATS JetStream. Each log is a subject. Each write is directly behind the one
 * that its transaction has read: so the writes of a log are one sequence, whichever nodes they come
 * from.
 *
 * A transaction stores its change of another log first, and repeats it after a crash in between.
 * Effects get no transaction, as JetStream has none for data of the application: they run before
 * the write, and again if the node dies in between.
 *
 * @param kinds The kinds by the first word of the names of their logs.
 */
export function natsStore(context: StoreContext, kinds: Readonly<Record<string, StoreLogKind>>) {
  /** Bounded by the users and the transactions of this process. */
  const writers = new Map<string, LogWriter>();
  const used = createUsedKeys();

  const writerOf = (log: string): LogWriter => {
    const known = writers.get(log);
    if (known) return known;
    const end = log.includes(' ') ? log.indexOf(' ') : log.length;
    const kind = kinds[log.slice(0, end)];
    if (!kind) throw new Error(`there is no stream for the log ${log}`);
    const writer = new LogWriter(log, tokenOf(log.slice(end + 1) || log), kind, shared);
    writers.set(log, writer);
    return writer;
  };
  const forget = (log: string): void => {
    const writer = writers.get(log);
    if (used.has(log) || writer?.isRunning) return;
    writer?.trim();
    writers.delete(log);
  };
  const run = <T>(log: string, work: (transaction: StoreTransaction<undefined>) => MaybeAsync<T>, group = '', isRead = false) =>
    new Observable<T>((to) => writerOf(log).add({ run: work, group, isRead, to }));
  const shared: SharedByWriters = {
    context,
    changeOther: (other, change) => firstValueFrom(run(other, (transaction) => asObservable(() => transaction.change(other, change)))),
    onIdle: forget,
  };
  const read: ReadableStore['read'] = (log, range) => run(log, (transaction) => transaction.read(log, range), '', true);
  return {
    name: 'nats',
    /** @param group Whom the entries count for when the store is full. @default '' */
    transact: <T>(
      log: string,
      work: (transaction: StoreTransaction<undefined>) => MaybeAsync<T>,
      _?: number,
      group?: string,
    ): MaybeAsync<T> => run(log, work, group),
    read,
    count: (log: string) => converted(read(log), ({ entries }) => entries.length),
    use: (user: unknown, log: string) => used.use(user, log),
    release(user: unknown) {
      const log = used.release(user);
      if (log !== undefined) forget(log);
    },
    close: () => undefined,
  } satisfies ReadableStore<undefined>;
}

/** Returns a name as one token of a subject: the codes of other characters replace them. */
function tokenOf(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/gu, (character) => `=${(character.codePointAt(0) as number).toString(16)}=`);
}

/** The failure of a write because of its content. None of it counts. */
class UnwritableError extends Error {
  constructor(cause: unknown) {
    super('the write cannot be encoded', { cause });
  }
}

/** @throws {UnwritableError} */
function writable<T>(encode: () => T): T {
  try {
    return encode();
  } catch (cause) {
    throw new UnwritableError(cause);
  }
}

interface SharedByWriters {
  readonly context: StoreContext;
  readonly changeOther: (log: string, change: LogChange) => Promise<ChangedLog>;
  /** Called with the name of a log all of whose transactions have ended. */
  readonly onIdle: (log: string) => void;
}

interface Job {
  readonly run: (transaction: StoreTransaction<undefined>) => MaybeAsync<unknown>;
  /** Whom the entries count for when the store is full. */
  readonly group: string;
  /** Whether it changes nothing. It shares no transaction with others, which may fail. */
  readonly isRead: boolean;
  readonly to: Subscriber<unknown>;
  result?: unknown;
  hasEffects?: boolean;
  /** The change of another log, which is stored first, and once. */
  other?: Promise<ChangedLog>;
}

/** The room for the head of a message and the headers of NATS, in bytes. */
const OVERHEAD = 8_192;
/** The room for the headers alone. */
const HEADERS = 1_024;
/** How often a transaction runs: each time that it fails, another node has succeeded. */
const ATTEMPTS = 16;
/** Messages in front of the first one that counts are removed when there are this many. */
const TRIM_AFTER = 128;
/** A message is kept for so many timeouts: its writer may not know whether it is stored. */
const TIMEOUTS = 4;

/** The transactions of one log, one after the other. */
class LogWriter {
  isRunning = false;
  #jobs: Job[] = [];
  #known: LogState | undefined;
  /** The number of messages that were stored since the last removal of old ones. */
  #messages = 0;
  /** Messages up to this sequence number are old; those from the other one on are not. */
  #old = 0;
  #young = 0;
  #youngAt = 0;

  constructor(
    readonly log: string,
    readonly name: string,
    readonly kind: StoreLogKind,
    readonly shared: SharedByWriters,
  ) {}

  /** Runs a job in a transaction, which it shares with what arrives at the same time. */
  add(job: Job): void {
    this.#jobs.push(job);
    if (!this.isRunning) void this.#start();
  }
  async #start(): Promise<void> {
    this.isRunning = true;
    // The jobs that the caller adds meanwhile share the first transaction.
    await Promise.resolve();
    while (this.#jobs[0]) {
      const { isRead } = this.#jobs[0];
      const end = this.#jobs.findIndex((other) => other.isRead !== isRead);
      await this.#storeAll(this.#jobs.splice(0, end < 0 ? this.#jobs.length : end));
    }
    this.isRunning = false;
    this.#trim(TRIM_AFTER);
    this.shared.onIdle(this.log);
  }
  async #storeAll(jobs: Job[]): Promise<void> {
    const isNew = !this.#known;
    try {
      for (let count = 0; !(await this.#runAll(jobs, isNew || count > 0)); count++)
        if (count === ATTEMPTS - 1) throw new StoreError('nats', 'failed', new Error('other nodes wrote to the log at each attempt'));
      for (const { to, result } of jobs) {
        to.next(result);
        to.complete();
      }
    } catch (error) {
      // The outcome is unknown.
      this.#known = undefined;
      const isUnwritable = error instanceof UnwritableError;
      // The others are stored without the job that cannot be.
      if (isUnwritable && jobs.length > 1) for (const job of jobs) await this.#storeAll([job]);
      else for (const { to } of jobs) to.error(failed(isUnwritable ? error.cause : error));
    }
  }
  /**
   * Runs the works of the jobs on the known log, and removes those that have failed. Returns
   * whether they need not run again.
   */
  async #runAll(jobs: Job[], isFresh: boolean): Promise<boolean> {
    const { store, limit } = this.kind;
    const { report } = this.shared.context;
    this.#known?.undo();
    if (isFresh || !this.#known)
      this.#known = await readLog(store, this.name, this.#known ?? new LogState(limit), () => report(corrupt(this.name)));
    const log = this.#known;
    for (const job of [...jobs]) {
      const count = log.changes;
      try {
        const result = this.#run(job, log, isFresh);
        job.result = isLater(result) ? await firstValueFrom(asObservable(() => result)) : result;
      } catch (error) {
        if (!isFresh) return false;
        jobs.splice(jobs.indexOf(job), 1);
        job.to.error(error);
        if (log.changes > count) return false;
      }
    }
    if (log.changes === 0) return isFresh;
    return this.#append(log, jobs.at(-1)?.group ?? '');
  }
  /**
   * Runs the work of a job. Effects run only if the log is fresh: another node may have changed it
   * meanwhile.
   */
  #run(job: Job, known: LogState, isFresh: boolean): MaybeAsync<unknown> {
    const hadEffects = job.hasEffects === true;
    return job.run({
      read: (_, range) => known.read(range),
      change: (log, change) =>
        log === this.log ? known.change(change) : asObservable(() => (job.other ??= this.shared.changeOther(log, change))),
      perform(effect) {
        if (!isFresh) throw new Error('the log is not fresh');
        job.hasEffects = true;
        if (!hadEffects) runEffect(effect, undefined);
      },
    });
  }
  /**
   * Stores the changes directly behind the known log. Only the last message has the new row: until
   * it is stored, the others do not count. Returns false if another writer was faster.
   */
  async #append(log: LogState, group: string): Promise<boolean> {
    const { maxPayload } = this.shared.context;
    const parts = writable(() => partsOf(log.entryChange(), Math.max(OVERHEAD, maxPayload() - OVERHEAD)));
    const write = nanoid();
    let [seq, first] = [log.seq, 0];
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1;
      const row = isLast ? log.row(first || 'here') : log.rowBefore();
      const data = writable(() => encodeMessage({ write, index, isLast, row, part }));
      // NATS would close the connection for a head that is too large, at each attempt.
      const limit = maxPayload() - HEADERS;
      if (data.length > limit) throw new UnwritableError(new FrameTooLargeError(data.length, limit));
      const stored = await this.kind.store.append(this.name, data, seq, group);
      if (stored === undefined) return false;
      this.#note(stored);
      seq = stored;
      first ||= stored;
    }
    log.stored(first, seq);
    return true;
  }

  // ---- The removal of old messages in front of the first one that counts

  #note(seq: number): void {
    const { scheduler, timeout } = this.shared.context;
    this.#messages++;
    const now = scheduler.now();
    const isOld = this.#young > 0 && now - this.#youngAt >= TIMEOUTS * timeout;
    if (isOld) this.#old = this.#young;
    if (!isOld && this.#young > 0) return;
    this.#young = seq;
    this.#youngAt = now;
  }
  #trim(count: number): void {
    if (this.#messages < count || this.#old === 0 || !this.#known) return;
    this.#messages = 0;
    this.kind.store.trim(this.name, Math.min(this.#old, Number(this.#known.row(0).start) || this.#known.seq));
  }
  trim(): void {
    this.#trim(2);
  }
}
