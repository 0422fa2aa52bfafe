import { firstValueFrom, noop } from 'rxjs';
import { asObservable, isLater, isPromise } from '../../message/maybeAsync.js';
import {
  JobTransaction,
  foundRowOf,
  storeEntries,
  type FoundRow,
  type JobEffect,
  type LogJob,
  type Row,
  type Send,
  type Shared,
} from './jobTransaction.js';
import type { LogStatements } from './postgresSchema.js';
import { asPostgresStoreError, isSystemFailure } from './postgresStoreError.js';
import { statementsOf, type EffectStatement } from './postgresTransaction.js';
import type { TransactionClient } from './transactionClient.js';

/** Delivers the result of a job, after the commit. */
export type DeliverResult = () => void;

/** The failure of a transaction of several jobs, of which one is the reason. */
export class JobFailure extends Error {
  constructor(
    readonly job: LogJob,
    readonly onFailed: (() => void) | undefined,
    reason: unknown,
  ) {
    super('a job has failed', { cause: reason });
  }
}

/** The failure of a transaction: others have written to its logs after it has read them. */
export class Overtaken extends Error {
  constructor() {
    super('other transactions have written to the logs at each attempt');
  }
}

export interface LogTables {
  readonly statements: LogStatements;
  /** The rows of the logs that this process has written last: they need no lock to be read. */
  readonly known: Map<string, Row>;
}

const MAX_KNOWN = 10_000;

/**
 * Runs the jobs, of different logs, in one transaction: their work, then the changes of all logs,
 * then the effects. Resolves after the commit, with the jobs whose logs other transactions have
 * `locked`, so that they have not run, and with those that are `stale`: they have run with known
 * rows, and must run again with the present ones.
 *
 * @throws {JobFailure} If a job fails that has changed something, or the statement of an effect.
 * @throws Any other error of PostgreSQL.
 */
export async function runTransaction(
  client: TransactionClient,
  jobs: readonly LogJob[],
  { statements, known }: LogTables,
  limits: readonly string[],
) {
  const steps: Promise<readonly unknown[]>[] = [];
  const send: Send = (text, values) => {
    const step = client.query(text, values);
    // The first failure of the transaction is reported where it is awaited; those that follow from
    // it have no other listener.
    step.catch(() => undefined);
    steps.push(step);
    return step;
  };
  const shared: Shared = { send, statements, rows: new Map(), drop: [], put: [], effects: [], stale: new Set() };
  const { rows, stale } = shared;

  void send('begin isolation level read committed read write');
  for (const { log } of jobs) {
    const row = known.get(log);
    if (row) rows.set(log, row);
    // The outcome of this transaction may remain unknown.
    known.delete(log);
  }
  const unknown = jobs.filter(({ log }) => !rows.has(log));
  const locked = unknown.length > 0 ? await lockAll(shared, unknown, limits) : new Set<LogJob>();
  const running = jobs.filter((job) => !locked.has(job)).map((job) => runJob(job, shared));
  const deliverResults: DeliverResult[] = [];
  for (const deliverResult of running) deliverResults.push(typeof deliverResult === 'function' ? deliverResult : await deliverResult);
  const changed = await storeRows(shared, limits);
  await runEffects(shared);
  await Promise.all(steps);
  await commit(shared);
  for (const [log, row] of changed) {
    known.set(log, Object.assign(row, { version: row.version + 1, isLocked: false, isChanged: false, newHead: undefined }));
  }
  for (const log of known.keys()) {
    if (known.size <= MAX_KNOWN) break;
    known.delete(log);
  }
  return { deliverResults, locked, stale };
}

/** Locks the logs of jobs. Returns the jobs whose logs another transaction has locked. */
async function lockAll({ send, statements, rows }: Shared, jobs: readonly LogJob[], limits: readonly string[]): Promise<Set<LogJob>> {
  const found = new Map<unknown, FoundRow>();
  for (const row of (await send(statements.lock, [JSON.stringify(jobs.map(({ log }) => log)), ...limits])) as FoundRow[])
    found.set(row.name, row);
  const locked = new Set<LogJob>();
  for (const job of jobs) {
    const row = found.get(job.log);
    if (row?.is_locked === true) locked.add(job);
    else rows.set(job.log, foundRowOf(row));
  }
  return locked;
}

/**
 * Runs the work of a job.
 * @throws {JobFailure} If it fails and has changed something.
 */
function runJob(job: LogJob, shared: Shared): DeliverResult | Promise<DeliverResult> {
  const { rows, stale } = shared;
  const { result, log } = job;
  /** Without a lock, and without a write that compares the version, the decision may be wrong. */
  const isStale = (): boolean => {
    const { isLocked, isChanged } = rows.get(log) as Row;
    if (!isLocked && !isChanged) stale.add(job);
    return stale.has(job);
  };
  const ended = (value: unknown): DeliverResult => {
    if (isStale()) return noop;
    return () => {
      result.next(value);
      result.complete();
    };
  };
  const failed = (reason: unknown): DeliverResult => {
    if (isStale()) return noop;
    if ((rows.get(log) as Row).isChanged) throw new JobFailure(job, undefined, reason);
    return () => result.error(reason);
  };
  try {
    const answer = job.work(new JobTransaction(shared, job));
    if (!isLater(answer)) return ended(answer);
    const settled = firstValueFrom(asObservable(() => answer)).then(ended, failed);
    settled.catch(noop);
    return settled;
  } catch (reason) {
    return failed(reason);
  }
}

/** Stores the changes of the logs. Returns their rows. */
async function storeRows(shared: Shared, limits: readonly string[]): Promise<ReadonlyMap<string, Row>> {
  const { send, statements, rows } = shared;
  const changed = new Map<string, Row>();
  for (const [log, waiting] of rows) {
    const row = isPromise(waiting) ? await waiting : waiting;
    if (row.isChanged) changed.set(log, row);
  }
  if (changed.size > 0) {
    const given = [...changed].map(([name, { newHead: head, last, version }]) => ({ name, head, last, version }));
    const [written] = await send(statements.write, [JSON.stringify(given), ...limits]);
    if (Number((written as { readonly count: unknown }).count) < changed.size) throw new Overtaken();
  }
  storeEntries(shared);
  return changed;
}

async function runEffects({ send, effects, stale }: Shared): Promise<void> {
  const sent: (readonly [job: LogJob, onFailed: JobEffect['onFailed'], statement: EffectStatement])[] = [];
  for (const { job, effect, onFailed } of effects) {
    if (stale.has(job)) continue;
    try {
      for (const statement of statementsOf(effect)) sent.push([job, onFailed, statement]);
    } catch (reason) {
      throw new JobFailure(job, undefined, reason);
    }
  }
  const results = await Promise.allSettled(sent.map(([, , { text, values }]) => send(text, values)));
  const failed = results.findIndex(({ status }) => status === 'rejected');
  const [job, onFailed] = sent[failed] ?? [];
  if (job) throw new JobFailure(job, onFailed, (results[failed] as PromiseRejectedResult).reason);
}

/** A constraint may be checked at the commit: its job is known if only one has effects. */
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
