import { firstValueFrom, type AsyncSubject } from 'rxjs';
import { asObservable, chain, isLater, type MaybeAsync } from '../internal/maybeAsync.js';
import type { ChangedLog, Log, LogChange, LogEntry, LogRange, StoreTransaction } from '../session/store/store.js';
import { limitValues, packText, unpackText, type LogStatements, type TransactionLimits } from './logStatements.js';
import { asPostgresStoreError, isSystemFailure, overtaken } from './postgresStoreError.js';
import { statementsOf, type EffectStatement, type PostgresTransaction } from './postgresTransaction.js';
import type { TransactionClient } from './transactionClient.js';

/** Work that waits for its transaction. */
export interface LogJob {
  /** The log that the work reads first. */
  readonly log: string;
  readonly work: (transaction: LogTransaction) => MaybeAsync<unknown>;
  /** The number of messages that it processes. */
  readonly size: number;
  readonly result: AsyncSubject<unknown>;
}

export interface LogTransaction extends StoreTransaction<PostgresTransaction> {
  count(log: string): Promise<number>;
}

/** Delivers the result of a job, after the commit. */
export type Settle = () => void;

/** The failure of a transaction of several jobs, of which one is the reason. */
export class JobFailure extends Error {
  constructor(
    readonly job: LogJob,
    /** Called when the failure is delivered. */
    readonly onFailed: (() => void) | undefined,
    reason: unknown,
  ) {
    super('a job has failed', { cause: reason });
  }
}

/** The result of a committed transaction. */
export interface TransactionResult {
  readonly settles: readonly Settle[];
  /** The jobs that have not run: other transactions have locked their logs. */
  readonly locked: ReadonlySet<LogJob>;
}

/** The row of a log that the transaction has locked, or that does not exist. */
interface Row {
  readonly isNew: boolean;
  readonly head: unknown;
  last: number;
  /** The new head, packed. */
  newHead?: string;
  isChanged: boolean;
}

type Send = (text: string, values?: readonly unknown[]) => Promise<readonly unknown[]>;

/** What the jobs of one transaction share. */
interface Shared {
  readonly send: Send;
  readonly statements: LogStatements;
  readonly rows: Map<string, Row | Promise<Row>>;
  readonly drop: object[];
  readonly put: object[];
  readonly effects: (EffectStatement & { readonly job: LogJob })[];
}

/**
 * Runs the jobs, of different logs, in one transaction: their work, then the changes of all logs,
 * then the effects. Resolves after the commit.
 *
 * @throws {JobFailure} If a job fails that has changed something, or the statement of an effect.
 * @throws Any other error of PostgreSQL.
 */
export async function runTransaction(
  client: TransactionClient,
  jobs: readonly LogJob[],
  statements: LogStatements,
  limits: TransactionLimits,
): Promise<TransactionResult> {
  const steps: Promise<readonly unknown[]>[] = [];
  const send: Send = (text, values) => {
    const step = client.query(text, values);
    // The first failure of the transaction is reported where it is awaited; those that follow from
    // it have no other listener.
    step.catch(() => undefined);
    steps.push(step);
    return step;
  };
  const shared: Shared = { send, statements, rows: new Map(), drop: [], put: [], effects: [] };
  const locked = new Set<LogJob>();

  void send('begin isolation level read committed read write');
  const found = new Map<unknown, Record<'is_locked' | 'head' | 'last', unknown>>();
  for (const row of await send(statements.lock, [JSON.stringify(jobs.map(({ log }) => log)), ...limitValues(limits)]))
    found.set((row as { readonly name: unknown }).name, row as Record<'is_locked' | 'head' | 'last', unknown>);
  for (const job of jobs) {
    const row = found.get(job.log);
    if (row?.is_locked === true) locked.add(job);
    else shared.rows.set(job.log, rowOf(row));
  }
  const running = jobs.filter((job) => !locked.has(job)).map((job) => runJob(job, shared));
  const settles: Settle[] = [];
  // Those that wait for no statement have ended already.
  for (const settle of running) settles.push(typeof settle === 'function' ? settle : await settle);
  await Promise.all(steps);
  await storeRows(shared);
  await runEffects(shared);
  await Promise.all(steps);
  await commit(shared);
  return { settles, locked };
}

function rowOf(found: Readonly<Record<'head' | 'last', unknown>> | undefined): Row {
  const head = typeof found?.head === 'string' ? (unpackText(found.head) ?? null) : undefined;
  return { isNew: !found, head, last: Number(found?.last ?? 0), isChanged: false };
}

/**
 * Runs the work of a job.
 * @throws {JobFailure} If it fails and has changed something.
 */
function runJob(job: LogJob, shared: Shared): Settle | Promise<Settle> {
  const { effects, rows } = shared;
  const ended = (value: unknown): Settle => {
    return () => {
      job.result.next(value);
      job.result.complete();
    };
  };
  const failed = (reason: unknown): Settle => {
    const hasChanged = (rows.get(job.log) as Row).isChanged || effects.some((effect) => effect.job === job);
    if (hasChanged) throw new JobFailure(job, undefined, reason);
    return () => job.result.error(reason);
  };
  try {
    const answer = job.work(transactionOf(job, shared));
    if (!isLater(answer)) return ended(answer);
    const settled = firstValueFrom(asObservable(() => answer)).then(ended, failed);
    settled.catch(() => undefined);
    return settled;
  } catch (reason) {
    return failed(reason);
  }
}

function transactionOf(job: LogJob, { send, statements, rows, drop, put, effects }: Shared): LogTransaction {
  const lock = async (log: string): Promise<Row> => {
    void send(statements.create, [log]);
    const [row] = await send(statements.lockOne, [log]);
    return rowOf(row as Record<'head' | 'last', unknown>);
  };
  const rowIn = (log: string): Row | Promise<Row> => {
    const row = rows.get(log) ?? lock(log);
    rows.set(log, row);
    return row;
  };
  const readEntries = async (log: string, row: Row, { after = -1, limit = Infinity }: LogRange): Promise<Log> => {
    const found = await send(statements.read, [log, String(after), limit < Infinity ? String(limit) : null]);
    return { head: row.head, last: row.last, entries: entriesIn(found) };
  };
  const evict = async (log: string, maxCount: number): Promise<ChangedLog> => {
    for (const [statement, list] of [
      [statements.drop, drop],
      [statements.put, put],
    ] as const)
      if (list.length > 0) void send(statement, [JSON.stringify(list.splice(0))]);
    return { evicted: entriesIn(await send(statements.evict, [log, String(maxCount)])) };
  };
  const changeRow = (log: string, row: Row, change: LogChange): MaybeAsync<ChangedLog> => {
    row.isChanged = true;
    if (change.head !== undefined) row.newHead = packText(change.head);
    for (const [low, high] of change.drop ?? []) drop.push({ log, low, high: Math.min(high, Number.MAX_SAFE_INTEGER) });
    for (const { key = row.last + 1, value } of change.put ?? []) {
      put.push({ log, key, value: packText(value) });
      row.last = Math.max(row.last, key);
    }
    const { maxCount = Infinity } = change;
    return maxCount < Infinity ? asObservable(() => evict(log, maxCount)) : { evicted: [] };
  };
  return {
    read(log, range = {}) {
      const row = rows.get(log) as Row;
      return range.limit === 0 ? { head: row.head, last: row.last, entries: [] } : asObservable(() => readEntries(log, row, range));
    },
    change: (log, change) => chain(rowIn(log), (row) => changeRow(log, row, change)),
    perform: (effect, onFailed) => void effects.push(...statementsOf(effect).map((statement) => ({ ...statement, onFailed, job }))),
    count: async (log) => Number(((await send(statements.count, [log])) as { readonly count: unknown }[])[0]?.count),
  };
}

function entriesIn(rows: readonly unknown[]): readonly LogEntry[] {
  const entries = rows
    .map((row) => row as Record<'key' | 'value', unknown>)
    .map(({ key, value }) => ({ key: Number(key), value: unpackText(value) }));
  return entries.sort((one, other) => one.key - other.key);
}

/** Stores the changes of the logs. */
async function storeRows({ send, statements, rows, drop, put }: Shared): Promise<void> {
  const changed: object[] = [];
  let created = 0;
  for (const [name, waiting] of rows) {
    const { isChanged, isNew, newHead: head, last } = await waiting;
    if (!isChanged) continue;
    changed.push({ name, head, last, is_new: isNew });
    if (isNew) created++;
  }
  if (changed.length > 0) {
    const written = send(statements.write, [JSON.stringify(changed)]);
    if (created > 0 && Number(((await written)[0] as { readonly count: unknown }).count) < created) throw overtaken();
  }
  if (drop.length > 0) void send(statements.drop, [JSON.stringify(drop)]);
  if (put.length > 0) void send(statements.put, [JSON.stringify(put)]);
}

async function runEffects({ send, effects }: Shared): Promise<void> {
  const results = await Promise.allSettled(effects.map(({ text, values }) => send(text, values)));
  const failed = results.findIndex(({ status }) => status === 'rejected');
  const effect = effects[failed];
  if (effect) throw new JobFailure(effect.job, effect.onFailed, (results[failed] as PromiseRejectedResult).reason);
}

/**
 * A constraint that is checked at the commit fails here: the reason is known if one job has
 * effects.
 */
async function commit({ send, effects }: Shared): Promise<void> {
  try {
    await send('commit');
  } catch (reason) {
    const [effect] = effects;
    if (!effect || effects.some(({ job }) => job !== effect.job) || isSystemFailure(reason)) throw reason;
    throw new JobFailure(effect.job, effect.onFailed, reason);
  }
}

/** Delivers the failure of a job: its own unchanged, any other as a {@link StoreError}. */
export function failJob({ result }: LogJob, reason: unknown): void {
  if (reason instanceof JobFailure) {
    reason.onFailed?.();
    result.error(reason.cause);
  } else {
    result.error(asPostgresStoreError(reason));
  }
}
