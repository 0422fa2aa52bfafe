import { StoreError } from '../errors.js';
import { after } from '../internal/after.js';
import { createConflictingSenders } from './conflictingSenders.js';
import { EffectFailure, failJob, runTransaction, type InboxJob, type InboxTables, type Settle } from './inboxTransaction.js';
import { createJobQueues, type JobGroup } from './jobQueues.js';
import type { PostgresSettings } from './postgresOptions.js';
import { isConflict, isLockTimeout, isSystemFailure } from './postgresStoreError.js';
import type { TransactionLimits } from './senderStatements.js';
import { withConnection, type TransactionClient } from './transactionClient.js';

/** How often a transaction of one job is tried that others make fail. */
const MAX_ATTEMPTS = 5;
/**
 * The limits of the delay before a job that waits for a lock is tried again, in ms. The delay is
 * the time that the job has waited.
 */
const MIN_DELAY = 10;
const MAX_DELAY = 500;

/** Runs jobs in transactions that they share. Jobs of one sender run in order, one at a time. */
export interface GroupedTransactions {
  /** Adds a job. Its result emits after the commit. */
  add(job: InboxJob): void;
}

/** Receives the jobs of a transaction, each once. */
interface JobResults {
  /** The jobs have ended: `settles` delivers their results. */
  end(jobs: readonly InboxJob[], settles: readonly Settle[]): void;
  /** Another transaction holds a lock that the jobs need. */
  postpone(jobs: readonly InboxJob[], reason: unknown): void;
  /** The transaction of several jobs has conflicted with another one. */
  separate(jobs: readonly InboxJob[]): void;
}

export function createGroupedTransactions(settings: PostgresSettings, tables: InboxTables): GroupedTransactions {
  const { maxConnections, maxPending, timeout, scheduler } = settings;
  const conflicting = createConflictingSenders(scheduler);
  const queues = createJobQueues(maxConnections, conflicting.sharingOf);
  /** The jobs that wait for a lock, each with the time since when. */
  const postponed = new Map<InboxJob, number>();
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
  const repeat = (jobs: readonly InboxJob[]): void => {
    for (const job of jobs) queues.repeat(job);
    schedule();
  };
  const end: JobResults['end'] = (jobs, settles) => {
    for (const job of jobs) {
      postponed.delete(job);
      queues.end(job);
    }
    schedule();
    for (const settle of settles) settle();
  };
  /** The jobs wait without a connection, so that the others do not wait with them. */
  const postpone: JobResults['postpone'] = (jobs, reason) => {
    const now = scheduler.now();
    const waitOf = (job: InboxJob): number => now - (postponed.get(job) ?? now);
    const [late, left] = partition(jobs, (job) => waitOf(job) >= timeout);
    end(late, failuresOf(late, reason));
    if (left.length === 0) return;
    for (const job of left) if (!postponed.has(job)) postponed.set(job, now);
    const delay = Math.max(MIN_DELAY, Math.min(MAX_DELAY, ...left.map(waitOf)));
    after(delay, scheduler).subscribe(() => repeat(left));
  };
  const runGroup = (group: JobGroup): void => {
    const { sharing, jobs } = group;
    const unsettled = new Set(jobs);
    const settled = (some: readonly InboxJob[]): void => some.forEach((job) => unsettled.delete(job));
    const results: JobResults = {
      end(some, settles) {
        settled(some);
        end(some, settles);
      },
      postpone(some, reason) {
        settled(some);
        if (isLockTimeout(causeOf(reason))) conflicting.restrict(pidsOf(some), 'alone');
        postpone(some, reason);
      },
      separate(some) {
        settled(some);
        conflicting.restrict(pidsOf(some.filter((job) => 'write' in job)), sharing === 'shared' ? 'serial' : 'alone');
        repeat(some);
      },
    };
    withConnection(settings, (client) => runAll(client, jobs, tables, limitsOf(settings, group), results))
      .catch((reason: unknown) => {
        const left = [...unsettled];
        end(left, failuresOf(left, reason));
      })
      .finally(() => {
        queues.release(group);
        run();
      });
  };

  return {
    add(job) {
      if (queues.size() >= maxPending) {
        job.result.error(new StoreError('postgres', 'failed', new Error(`${maxPending} claims and commits have not ended: "maxPending"`)));
        return;
      }
      queues.add(job);
      schedule();
    },
  };
}

/**
 * A transaction of several senders may wait for a lock of another one that waits for its locks. The
 * one that is serial already waits longer: it is not the one that is rolled back.
 */
function limitsOf({ idleTimeout, lockTimeout }: PostgresSettings, { sharing, jobs }: JobGroup): TransactionLimits {
  return { idleTimeout, lockTimeout: sharing === 'shared' && jobs.length > 1 ? Math.ceil(lockTimeout / 4) : lockTimeout };
}

/**
 * Runs the jobs in one transaction. If that fails because of a job, the others run without it, and
 * the job runs alone: only its own failure is delivered.
 *
 * @throws The failure of the server or of the connection. The jobs that `results` has not received
 *   have failed.
 */
async function runAll(
  client: TransactionClient,
  group: readonly InboxJob[],
  tables: InboxTables,
  limits: TransactionLimits,
  results: JobResults,
): Promise<void> {
  const groups: (readonly InboxJob[])[] = [group];
  let attempts = 0;
  for (let jobs = groups.shift(); jobs; jobs = groups.shift()) {
    try {
      const { settles, locked } = await runTransaction(client, jobs, tables, limits);
      const [waiting, ended] = partition(jobs, (job) => locked.has(job));
      attempts = 0;
      results.end(ended, settles);
      if (waiting.length > 0) results.postpone(waiting, new Error('another transaction has locked the row of the sender'));
    } catch (reason) {
      const cause = causeOf(reason);
      if (isSystemFailure(cause)) throw cause;
      // It fails if the connection is lost.
      await client.rollback();
      const isAlone = jobs.length === 1;
      if (isConflict(cause) && !isAlone) results.separate(jobs);
      else if (!isAlone) groups.unshift(...split(jobs, reason));
      else if (isLockTimeout(cause)) results.postpone(jobs, reason);
      else if (isConflict(cause) && ++attempts < MAX_ATTEMPTS) groups.unshift(jobs);
      else {
        attempts = 0;
        results.end(jobs, failuresOf(jobs, reason));
      }
    }
  }
}

function split(jobs: readonly InboxJob[], reason: unknown): (readonly InboxJob[])[] {
  if (reason instanceof EffectFailure) {
    const [failed, others] = partition(jobs, (job) => job === reason.job);
    return [others, failed];
  }
  const middle = Math.ceil(jobs.length / 2);
  return [jobs.slice(0, middle), jobs.slice(middle)];
}

/** Returns the jobs that meet the condition, and those that do not. */
function partition(jobs: readonly InboxJob[], condition: (job: InboxJob) => boolean): readonly [InboxJob[], InboxJob[]] {
  return [jobs.filter(condition), jobs.filter((job) => !condition(job))];
}

function failuresOf(jobs: readonly InboxJob[], reason: unknown): readonly Settle[] {
  return jobs.map((job) => () => failJob(job, reason));
}

function causeOf(reason: unknown): unknown {
  return reason instanceof EffectFailure ? reason.cause : reason;
}

function pidsOf(jobs: readonly InboxJob[]): readonly string[] {
  return jobs.map(({ pid }) => pid);
}
