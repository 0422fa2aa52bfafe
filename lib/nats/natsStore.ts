import { defer } from 'rxjs';
import { createUsedKeys } from '../internal/usedKeys.js';
import { converted, type MaybeAsync } from '../internal/maybeAsync.js';
import type { ReadableStore, StoreTransaction } from '../session/store/store.js';
import type { LogLimit } from './logState.js';
import { createLogWriter, type LogWriter, type LogWriterContext } from './logWriter.js';
import { tokenOf, type SubjectStore } from './subjectStore.js';

export interface NatsStore extends ReadableStore<undefined> {
  /** @param group Whom the entries count for when the store is full. @default '' */
  readonly transact: <T>(
    log: string,
    work: (transaction: StoreTransaction<undefined>) => MaybeAsync<T>,
    size?: number,
    group?: string,
  ) => MaybeAsync<T>;
}

/** The stream of one kind of logs, and the limit of each of them. */
export interface LogKind {
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
export function natsStore(context: LogWriterContext, kinds: Readonly<Record<string, LogKind>>): NatsStore {
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
  /** Forgets a log that nothing uses. */
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
    transact: (log, work, _, group) => defer(() => run(log, work, group)),
    read,
    count: (log) => converted(read(log), ({ entries }) => entries.length),
    use: (user, log) => used.use(user, log),
    release(user) {
      const log = used.release(user);
      if (log !== undefined) forget(log);
    },
    close: () => undefined,
  };
}
