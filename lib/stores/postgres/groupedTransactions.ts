import { StoreError } from '../../message/errors.js';
import { longTimer } from '../../operators/timing/longTimer.js';
import type { LogJob } from './jobTransaction.js';
import { failJob, JobFailure, Overtaken, runTransaction, type LogTables, type DeliverResult } from './logTransaction.js';
import { createConflictingLogs, createJobQueues, type JobGroup } from './jobQueues.js';
import type { PostgresSettings } from './postgresOptions.js';
import { isConflict, isLockTimeout, isSystemFailure } from './postgresStoreError.js';
import { withConnection, type TransactionClient } from './transactionClient.js';

/** How often a transaction of one job is tried that others make fail. */
const MAX_ATTEMPTS = 5;
/** The limits of the delay before a job tries a lock again: the time of its wait, in ms. */
const MIN_DELAY = 10;
const MAX_DELAY = 500;

/** The outcome of jobs of a transaction. */
type JobsOutcome =
  | { readonly kind: 'ended'; readonly deliverResults: readonly DeliverResult[] }
  /** Another transaction holds a lock that the jobs need. */
  | { readonly kind: 'locked'; readonly reason: unknown }
  /** The transaction of several jobs has conflicted with another one. */
  | { readonly kind: 'conflicting' };

/** Receives the outcome of each job of a transaction, once. */
type Settle = (jobs: readonly LogJob[], outcome: JobsOutcome) => void;

/**
 * Returns a function that adds a job. Jobs share transactions; those of one log run in order, one
 * at a time. The result of a job emits after the commit.
 */
export function createGroupedTransactions(settings: PostgresSettings, tables: LogTables): (job: LogJob) => void {
  const { maxConnections, maxPending, timeout, scheduler } = settings;
  const conflicting = createConflictingLogs(scheduler);
  const queues = createJobQueues(maxConnections, conflicting.sharingOf);
  /** The jobs that wait for a lock, each with the time since when. */
  const postponed = new Map<LogJob, number>();
  let isScheduled = false;

  const run = (): void => {
    for (let group = queues.take(); group; group = queues.take()) runGroup(group);
  };
  const schedule = (): void => {
    if (isScheduled) return;
    // The jobs of one run share a transaction.
    isScheduled = true;
    queueMicrotask(() => {
      isScheduled = false;
      run();
    });
  };
  const repeat = (jobs: readonly LogJob[]): void => {
    for (const job of jobs) queues.repeat(job);
    schedule();
  };
  const end = (jobs: readonly LogJob[], deliverResults: readonly DeliverResult[]): void => {
    for (const job of jobs) {
      postponed.delete(job);
      queues.end(job);
    }
    schedule();
    for (const deliverResult of deliverResults) deliverResult();
  };
  /** The jobs wait without a connection, so that the others do not wait with them. */
  const postpone = (jobs: readonly LogJob[], reason: unknown): void => {
    const now = scheduler.now();
    const waitOf = (job: LogJob): number => now - (postponed.get(job) ?? now);
    const [late, left] = partition(jobs, (job) => waitOf(job) >= timeout);
    end(late, failuresOf(late, reason));
    if (left.length === 0) return;
    for (const job of left) if (!postponed.has(job)) postponed.set(job, now);
    const delay = Math.max(MIN_DELAY, Math.min(MAX_DELAY, ...left.map(waitOf)));
    longTimer(delay, scheduler).subscribe(() => repeat(left));
  };
  const runGroup = (group: JobGroup): void => {
    const unsettled = new Set(group.jobs);
    const settle: Settle = (jobs, outcome) => {
      for (const job of jobs) unsettled.delete(job);
      if (outcome.kind === 'ended') return end(jobs, outcome.deliverResults);
      if (outcome.kind === 'locked') {
        if (isLockTimeout(causeOf(outcome.reason))) conflicting.restrict(jobs, 'alone');
        return postpone(jobs, outcome.reason);
      }
      conflicting.restrict(jobs, group.sharing === 'shared' ? 'serial' : 'alone');
      repeat(jobs);
    };
    withConnection(settings, (client) => runAll(client, group.jobs, tables, limitsOf(settings, group), settle))
      .catch((reason: unknown) => {
        const left = [...unsettled];
        end(left, failuresOf(left, reason));
      })
      .finally(() => {
        queues.release(group);
        run();
      });
  };

  return (job) => {
    if (queues.size() >= maxPending) {
      job.result.error(new StoreError('postgres', 'failed', new Error(`${maxPending} transactions have not ended: "maxPending"`)));
      return;
    }
    queues.add(job);
    schedule();
  };
}

/**
 * Returns the `idleTimeout` and the `lockTimeout` of a transaction, as values of its statements.
 *
 * A transaction of several logs may wait for a lock of another one that waits for its locks. The
 * one that is serial already waits longer: it is not the one that is rolled back.
 */
function limitsOf({ idleTimeout, lockTimeout }: PostgresSettings, { sharing, jobs }: JobGroup): readonly string[] {
  const maxWait = sharing === 'shared' && jobs.length > 1 ? Math.ceil(lockTimeout / 4) : lockTimeout;
  return [String(idleTimeout), String(maxWait)];
}

/**
 * Runs the jobs in one transaction. If that fails because of a job, the others run without it, and
 * the job runs alone: only its own failure is delivered.
 *
 * @throws The failure of the server or the connection, for the jobs without a result.
 */
async function runAll(
  client: TransactionClient,
  group: readonly LogJob[],
  tables: LogTables,
  limits: readonly string[],
  settle: Settle,
): Promise<void> {
  const groups: (readonly LogJob[])[] = [group];
  let attempts = 0;
  for (let jobs = groups.shift(); jobs; jobs = groups.shift()) {
    try {
      const { deliverResults, locked, stale } = await runTransaction(client, jobs, tables, limits);
      const [again, others] = partition(jobs, (job) => stale.has(job));
      const [waiting, ended] = partition(others, (job) => locked.has(job));
      if (again.length > 0) groups.unshift(again);
      attempts = 0;
      settle(ended, { kind: 'ended', deliverResults });
      if (waiting.length > 0) settle(waiting, { kind: 'locked', reason: new Error('another transaction has locked the log') });
    } catch (reason) {
      const cause = causeOf(reason);
      if (isSystemFailure(cause)) throw cause;
      // It fails if the connection is lost.
      await client.rollback();
      const isAlone = jobs.length === 1;
      if (reason instanceof Overtaken && ++attempts < MAX_ATTEMPTS) groups.unshift(jobs);
      else if (isConflict(cause) && !isAlone) settle(jobs, { kind: 'conflicting' });
      else if (!isAlone) groups.unshift(...split(jobs, reason));
      else if (isLockTimeout(cause)) settle(jobs, { kind: 'locked', reason });
      else if (isConflict(cause) && ++attempts < MAX_ATTEMPTS) groups.unshift(jobs);
      else {
        attempts = 0;
        settle(jobs, { kind: 'ended', deliverResults: failuresOf(jobs, reason) });
      }
    }
  }
}

function split(jobs: readonly LogJob[], reason: unknown): (readonly LogJob[])[] {
  if (reason instanceof JobFailure) {
    const [failed, others] = partition(jobs, (job) => job === reason.job);
    return [others, failed];
  }
  const middle = Math.ceil(jobs.length / 2);
  return [jobs.slice(0, middle), jobs.slice(middle)];
}

function partition(jobs: readonly LogJob[], condition: (job: LogJob) => boolean): readonly [LogJob[], LogJob[]] {
  return [jobs.filter(condition), jobs.filter((job) => !condition(job))];
}

function failuresOf(jobs: readonly LogJob[], reason: unknown): readonly DeliverResult[] {
  return jobs.map((job) => () => failJob(job, reason));
}

function causeOf(reason: unknown): unknown {
  return reason instanceof JobFailure ? reason.cause : reason;
}
