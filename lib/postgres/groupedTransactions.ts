import { StoreError } from '../errors.js';
import { createRing } from '../internal/ring.js';
import { EffectFailure, failJob, runTransaction, type InboxJob, type InboxTables, type Settle } from './inboxTransaction.js';
import type { PostgresSettings } from './postgresOptions.js';
import { isConflict, isSystemFailure } from './postgresStoreError.js';
import { withConnection, type TransactionClient } from './transactionClient.js';

/** The maximum numbers of jobs, and of messages, in one transaction. */
const MAX_JOBS = 256;
const MAX_MESSAGES = 1_024;
/** How often a transaction of one job is tried that others make fail. */
const MAX_ATTEMPTS = 5;

/** Runs jobs in transactions that they share. Jobs of one sender run in order, one at a time. */
export interface GroupedTransactions {
  /** Adds a job. Its result emits after the commit. */
  add(job: InboxJob): void;
}

export function createGroupedTransactions(settings: PostgresSettings, tables: InboxTables): GroupedTransactions {
  const { maxConnections, maxPending } = settings;
  const waiting = createRing<InboxJob>();
  /** The senders of the transactions that are running. */
  const busy = new Set<string>();
  let running = 0;
  let isScheduled = false;

  const takeGroup = (): readonly InboxJob[] => {
    const group: InboxJob[] = [];
    let messages = 0;
    for (let job = waiting.peek(); job && !busy.has(job.pid); job = waiting.peek()) {
      messages += 'write' in job ? job.completions.length : 1;
      if (group.length === MAX_JOBS || (group.length > 0 && messages > MAX_MESSAGES)) break;
      waiting.shift();
      busy.add(job.pid);
      group.push(job);
    }
    return group;
  };
  const runGroup = (group: readonly InboxJob[]): void => {
    running++;
    const unsettled = new Set(group);
    const end = (jobs: readonly InboxJob[], settles: readonly Settle[]): void => {
      for (const job of jobs) unsettled.delete(job);
      for (const { pid } of jobs) busy.delete(pid);
      for (const settle of settles) settle();
    };
    withConnection(settings, (client) => runAll(client, group, tables, end))
      .then(
        () => undefined,
        (reason: unknown) => {
          const left = [...unsettled];
          end(
            left,
            left.map((job) => () => failJob(job, reason)),
          );
        },
      )
      .finally(() => {
        running--;
        run();
      });
  };
  const run = (): void => {
    while (running < maxConnections && waiting.size > 0) {
      const group = takeGroup();
      if (group.length === 0) return;
      runGroup(group);
    }
  };

  return {
    add(job) {
      if (waiting.size >= maxPending) {
        job.result.error(new StoreError('postgres', 'failed', new Error(`${maxPending} jobs wait for a transaction: "maxPending"`)));
        return;
      }
      waiting.push(job);
      if (isScheduled) return;
      // The jobs of one run share a transaction.
      isScheduled = true;
      queueMicrotask(() => {
        isScheduled = false;
        run();
      });
    },
  };
}

/**
 * Runs the jobs in one transaction. If that fails because of a job, the others run without it, and
 * the job runs alone: only its own failure is delivered.
 *
 * @param end Called with jobs and their results, after their commit or their failure.
 * @throws The failure of the server or of the connection. The jobs for which `end` was not called
 *   have failed.
 */
async function runAll(
  client: TransactionClient,
  group: readonly InboxJob[],
  tables: InboxTables,
  end: (jobs: readonly InboxJob[], settles: readonly Settle[]) => void,
): Promise<void> {
  const groups: InboxJob[][] = [[...group]];
  let attempts = 0;
  for (let jobs = groups.shift(); jobs; jobs = groups.shift()) {
    try {
      const settles = await runTransaction(client, jobs, tables);
      attempts = 0;
      end(jobs, settles);
    } catch (reason) {
      const cause = reason instanceof EffectFailure ? reason.cause : reason;
      if (isSystemFailure(cause)) throw cause;
      // It fails if the connection is lost.
      await client.rollback();
      const [job, ...more] = jobs as [InboxJob, ...InboxJob[]];
      if (more.length > 0) groups.unshift(...split(jobs, reason));
      else if (isConflict(cause) && ++attempts < MAX_ATTEMPTS) groups.unshift(jobs);
      else {
        attempts = 0;
        end(jobs, [() => failJob(job, reason)]);
      }
    }
  }
}

function split(jobs: InboxJob[], reason: unknown): InboxJob[][] {
  if (reason instanceof EffectFailure && !isConflict(reason.cause))
    return [jobs.filter((job) => job !== reason.job), jobs.filter((job) => job === reason.job)];
  const middle = Math.ceil(jobs.length / 2);
  return [jobs.slice(0, middle), jobs.slice(middle)];
}
