import type { SchedulerLike } from 'rxjs';
import { createRing, type Ring } from '../../operators/buffers/ring.js';
import type { LogJob } from './jobTransaction.js';

/**
 * The transactions of a log: `shared` with all logs; `serial`, in one transaction at a time,
 * which such logs share; `alone`, in transactions of its own.
 */
export type Sharing = 'shared' | 'serial' | 'alone';

/** How long a log keeps its restriction, in ms. */
const DURATION = 30_000;
/** The maximum number of restricted logs. Above it, the oldest restriction is removed. */
const MAX_LOGS = 10_000;

/** The logs whose transactions have conflicted with others, and are restricted for 30 s. */
export function createConflictingLogs(scheduler: SchedulerLike) {
  /** The oldest restriction is the first. */
  const restrictions = new Map<string, { readonly sharing: Sharing; readonly end: number }>();
  return {
    sharingOf: (log: string): Sharing => {
      const restriction = restrictions.get(log);
      return restriction && scheduler.now() < restriction.end ? restriction.sharing : 'shared';
    },
    restrict(jobs: readonly Pick<LogJob, 'log'>[], sharing: Sharing): void {
      const now = scheduler.now();
      for (const { log } of jobs) {
        restrictions.delete(log);
        restrictions.set(log, { sharing, end: now + DURATION });
      }
      for (const [log, { end }] of restrictions) {
        if (now < end && restrictions.size <= MAX_LOGS) break;
        restrictions.delete(log);
      }
    },
  };
}

/** The maximum numbers of jobs, and of messages, in one transaction. */
const MAX_JOBS = 256;
const MAX_MESSAGES = 1_024;

/** The jobs of different logs that share a transaction. */
export interface JobGroup {
  readonly sharing: Sharing;
  readonly jobs: readonly LogJob[];
}

/** The jobs that have not ended. Those of one log run in order, one at a time. */
export function createJobQueues(maxConnections: number, sharingOf: (log: string) => Sharing) {
  const queues: Readonly<Record<Sharing, Ring<LogJob>>> = { shared: createRing(), serial: createRing(), alone: createRing() };
  const running: Record<Sharing, number> = { shared: 0, serial: 0, alone: 0 };
  /** The queue that a transaction was taken from last is the last. */
  const turns: Sharing[] = ['shared', 'serial', 'alone'];
  /** The logs of all jobs, with the jobs that wait for an earlier one of their log. */
  const logs = new Map<string, Ring<LogJob>>();
  /** One connection remains for the logs without conflicts, which wait for no lock. */
  const maxRestricted = Math.max(1, maxConnections - 1);
  let size = 0;

  const enqueue = (job: LogJob): void => queues[sharingOf(job.log)].push(job);
  const canBegin = (sharing: Sharing): boolean => {
    if (queues[sharing].size === 0) return false;
    if (sharing === 'shared') return true;
    return running.serial + running.alone < maxRestricted && (sharing === 'alone' || running.serial === 0);
  };
  const takeFrom = (queue: Ring<LogJob>, maxJobs: number): readonly LogJob[] => {
    const jobs: LogJob[] = [];
    let messages = 0;
    for (let job = queue.peek(); job && jobs.length < maxJobs; job = queue.peek()) {
      messages += job.size;
      if (jobs.length > 0 && messages > MAX_MESSAGES) break;
      queue.shift();
      jobs.push(job);
    }
    return jobs;
  };

  return {
    size: () => size,
    add(job: LogJob): void {
      size++;
      const later = logs.get(job.log);
      if (later) {
        later.push(job);
      } else {
        logs.set(job.log, createRing());
        enqueue(job);
      }
    },
    /** Adds a job again that was taken, and has not ended. */
    repeat: enqueue,
    /** Ends a job that was taken. */
    end({ log }: LogJob): void {
      size--;
      const next = logs.get(log)?.shift();
      if (next) enqueue(next);
      else logs.delete(log);
    },
    /** Takes the jobs of the next transaction; `undefined` if none may begin now. */
    take(): JobGroup | undefined {
      if (running.shared + running.serial + running.alone >= maxConnections) return undefined;
      const sharing = turns.find(canBegin);
      if (!sharing) return undefined;
      turns.splice(turns.indexOf(sharing), 1);
      turns.push(sharing);
      running[sharing]++;
      return { sharing, jobs: takeFrom(queues[sharing], sharing === 'alone' ? 1 : MAX_JOBS) };
    },
    release({ sharing }: JobGroup): void {
      running[sharing]--;
    },
  };
}
