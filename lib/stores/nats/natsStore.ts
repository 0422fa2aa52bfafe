import { nanoid } from 'nanoid';
import { defer, firstValueFrom } from 'rxjs';
import { StoreError } from '../../message/errors.js';
import { createUsedKeys } from '../../server/limits/keyedCounts.js';
import { asObservable, converted, type MaybeAsync } from '../../message/maybeAsync.js';
import { runEffect, type ChangedLog, type LogChange, type ReadableStore, type StoreTransaction } from '../store.js';
import { encodeMessage, partsOf } from './logMessage.js';
import { createDraft, createLogState, readLog, logRowOf, type Draft, type LogLimit, type LogState } from './logState.js';
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
    const [kind = '', name = kind] = /^(\S+) ([^]*)$/.exec(log)?.slice(1) ?? [log];
    const found = kinds[kind];
    if (!found) throw new Error(`there is no stream for the log ${log}`);
    const writer = createLogWriter({
      context,
      ...found,
      name: tokenOf(name),
      changeOther: (other, change) => run(other, (transaction) => transaction.change(other, change)),
      onIdle: () => forget(log),
    });
    writers.set(log, writer);
    return writer;
  };
  const forget = (log: string): void => {
    const writer = writers.get(log);
    if (used.has(log) || writer?.isIdle() === false) return;
    writer?.trim();
    writers.delete(log);
  };
  const run = <T>(log: string, work: (transaction: StoreTransaction<undefined>) => MaybeAsync<T>, group = '', isRead = false): Promise<T> =>
    writerOf(log).run({ log, run: work, group, isRead }) as Promise<T>;
  const read: ReadableStore['read'] = (log, range) => defer(() => run(log, (transaction) => transaction.read(log, range), '', true));
  return {
    name: 'nats',
    /** @param group Whom the entries count for when the store is full. @default '' */
    transact: <T>(
      log: string,
      work: (transaction: StoreTransaction<undefined>) => MaybeAsync<T>,
      _?: number,
      group?: string,
    ): MaybeAsync<T> => defer(() => run(log, work, group)),
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

/**
 * Returns a name as one token of a subject: other characters than letters, digits, `_` and `-` are
 * replaced by their codes.
 */
function tokenOf(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/gu, (character) => `=${(character.codePointAt(0) as number).toString(16)}=`);
}

interface LogWriterOptions extends StoreLogKind {
  readonly context: StoreContext;
  readonly name: string;
  readonly changeOther: (log: string, change: LogChange) => Promise<ChangedLog>;
  /** Called when all transactions have ended. */
  readonly onIdle: () => void;
}

interface Work {
  /** The name of the log in the transaction. */
  readonly log: string;
  readonly run: (transaction: StoreTransaction<undefined>) => MaybeAsync<unknown>;
  /** Whom the entries count for when the store is full. */
  readonly group: string;
  /** Whether it changes nothing. It shares no transaction with others, which may fail. */
  readonly isRead: boolean;
}

interface Job extends Work {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  result?: unknown;
  hasEffects?: boolean;
  /** The change of another log, which is stored first, and once. */
  other?: Promise<ChangedLog>;
}

/** The room for the head of a message and the headers of NATS, in bytes. */
const OVERHEAD = 8_192;
/** How often a transaction runs: each time that it fails, another node has succeeded. */
const ATTEMPTS = 16;
/** Messages in front of the first one that counts are removed when there are this many. */
const TRIM_AFTER = 128;
/**
 * A message is kept for so many timeouts: a writer that does not know whether it has stored a
 * message must find it.
 */
const TIMEOUTS = 4;

type LogWriter = ReturnType<typeof createLogWriter>;

/** The transactions of one log, one after the other. */
function createLogWriter(options: LogWriterOptions) {
  const { context, store, name, limit, onIdle } = options;
  const trimming = createTrimming(options);
  const jobs: Job[] = [];
  let known: LogState | undefined;
  let isRunning = false;

  /**
   * Stores a draft directly behind the known state. Only its last message has the new row: until it
   * is stored, the others do not count. Returns false if another writer was faster.
   */
  const append = async (before: LogState, draft: Draft, group: string): Promise<boolean> => {
    const parts = partsOf(draft.entryChange(), Math.max(OVERHEAD, context.maxPayload() - OVERHEAD));
    const write = nanoid();
    let [seq, first] = [before.seq, 0];
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1;
      const row = isLast ? draft.row(first || 'here') : logRowOf(before);
      const stored = await store.append(name, encodeMessage({ write, index, isLast, row, part }), seq, group);
      if (stored === undefined) return false;
      trimming.note(stored);
      seq = stored;
      first ||= stored;
    }
    draft.stored(first, seq);
    return true;
  };
  /** Runs the works of the jobs on one draft. Returns whether they need not run again. */
  const runAll = async (left: Set<Job>, isFresh: boolean): Promise<boolean> => {
    const before =
      known && !isFresh ? known : await readLog(store, name, known ?? createLogState(limit), () => context.report(corrupt(name)));
    known = before;
    const draft = createDraft(before);
    for (const job of left) {
      const count = draft.count();
      try {
        job.result = await runJob(job, draft, isFresh, options);
      } catch (error) {
        if (!isFresh) return false;
        left.delete(job);
        job.reject(error);
        if (draft.count() > count) return false;
      }
    }
    if (draft.count() === 0) return isFresh;
    return append(before, draft, [...left].at(-1)?.group ?? '');
  };
  const storeAll = async (left: Set<Job>): Promise<void> => {
    const isNew = !known;
    try {
      for (let count = 0; !(await runAll(left, isNew || count > 0)); count++)
        if (count === ATTEMPTS - 1) throw new StoreError('nats', 'failed', new Error('other nodes wrote to the log at each attempt'));
      for (const { resolve, result } of left) resolve(result);
    } catch (error) {
      // The outcome is unknown.
      known = undefined;
      for (const { reject } of left) reject(failed(error));
    }
  };
  const start = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    for (let job = jobs[0]; job; job = jobs[0]) {
      const { isRead } = job;
      const end = jobs.findIndex((other) => other.isRead !== isRead);
      await storeAll(new Set(jobs.splice(0, end < 0 ? jobs.length : end)));
    }
    isRunning = false;
    trimming.trim(TRIM_AFTER, known);
    onIdle();
  };
  return {
    isIdle: () => !isRunning,
    /** Runs work in a transaction, which it shares with what arrives at the same time. */
    run: (work: Work) =>
      new Promise<unknown>((resolve, reject) => {
        jobs.push({ ...work, resolve, reject });
        void start();
      }),
    trim: () => trimming.trim(2, known),
  };
}

/**
 * Runs the work of a job on a draft. Effects run only if the draft is fresh: another node may have
 * changed the log meanwhile.
 */
function runJob(job: Job, draft: Draft, isFresh: boolean, { changeOther }: LogWriterOptions): Promise<unknown> {
  const hadEffects = job.hasEffects === true;
  const transaction: StoreTransaction<undefined> = {
    read: (_, range) => draft.view(range),
    change: (log, change) => (log === job.log ? draft.change(change) : asObservable(() => (job.other ??= changeOther(log, change)))),
    perform(effect) {
      if (!isFresh) throw new Error('the log is not fresh');
      job.hasEffects = true;
      if (!hadEffects) runEffect(effect, undefined);
    },
  };
  return firstValueFrom(asObservable(() => job.run(transaction)));
}

/** Removes the messages of a log in front of the first one that counts, when they are old. */
function createTrimming({ context: { scheduler, timeout }, store, name }: LogWriterOptions) {
  /** The number of messages that were stored since the last removal. */
  let messages = 0;
  let old = 0;
  let young = { seq: 0, at: 0 };
  return {
    note(seq: number): void {
      messages++;
      const now = scheduler.now();
      if (young.seq === 0) young = { seq, at: now };
      else if (now - young.at >= TIMEOUTS * timeout) [old, young] = [young.seq, { seq, at: now }];
    },
    /** Removes messages if there may be `count`. */
    trim(count: number, known: LogState | undefined): void {
      if (messages < count || old === 0 || !known) return;
      messages = 0;
      store.trim(name, Math.min(old, Number(logRowOf(known).start) || known.seq));
    },
  };
}
