import { createRing, type Ring } from '../internal/ring.js';
import type { Sharing } from './conflictingSenders.js';
import type { InboxJob } from './inboxTransaction.js';

/** The maximum numbers of jobs, and of messages, in one transaction. */
const MAX_JOBS = 256;
const MAX_MESSAGES = 1_024;

/** The jobs of different senders that share a transaction. */
export interface JobGroup {
  readonly sharing: Sharing;
  readonly jobs: readonly InboxJob[];
}

/** The jobs that have not ended. Those of one sender run in order, one at a time. */
export interface JobQueues {
  /** Returns the number of jobs that have not ended. */
  size(): number;
  /** Adds a job behind those of its sender. */
  add(job: InboxJob): void;
  /** Adds a job again that was taken, and has not ended. */
  repeat(job: InboxJob): void;
  /** Ends a job that was taken. */
  end(job: InboxJob): void;
  /** Takes the jobs of the next transaction; `undefined` if none may begin now. */
  take(): JobGroup | undefined;
  /** Ends a transaction. */
  release(group: JobGroup): void;
}

export function createJobQueues(maxConnections: number, sharingOf: (pid: string) => Sharing): JobQueues {
  const queues: Readonly<Record<Sharing, Ring<InboxJob>>> = { shared: createRing(), serial: createRing(), alone: createRing() };
  /** The numbers of transactions that run. */
  const running: Record<Sharing, number> = { shared: 0, serial: 0, alone: 0 };
  /** The queue that a transaction was taken from last is the last. */
  const turns: Sharing[] = ['shared', 'serial', 'alone'];
  /** The senders of all jobs, with the jobs that wait for an earlier one of their sender. */
  const senders = new Map<string, Ring<InboxJob>>();
  /** One connection remains for the senders without conflicts, which wait for no lock. */
  const maxRestricted = Math.max(1, maxConnections - 1);
  let size = 0;

  const enqueue = (job: InboxJob): void => queues[sharingOf(job.pid)].push(job);
  const canBegin = (sharing: Sharing): boolean => {
    if (queues[sharing].size === 0) return false;
    if (sharing === 'shared') return true;
    return running.serial + running.alone < maxRestricted && (sharing === 'alone' || running.serial === 0);
  };
  const takeFrom = (queue: Ring<InboxJob>, maxJobs: number): readonly InboxJob[] => {
    const jobs: InboxJob[] = [];
    let messages = 0;
    for (let job = queue.peek(); job && jobs.length < maxJobs; job = queue.peek()) {
      messages += 'write' in job ? job.completions.length : 1;
      if (jobs.length > 0 && messages > MAX_MESSAGES) break;
      queue.shift();
      jobs.push(job);
    }
    return jobs;
  };

  return {
    size: () => size,
    add(job) {
      size++;
      const later = senders.get(job.pid);
      if (later) {
        later.push(job);
      } else {
        senders.set(job.pid, createRing());
        enqueue(job);
      }
    },
    repeat: enqueue,
    end({ pid }) {
      size--;
      const next = senders.get(pid)?.shift();
      if (next) enqueue(next);
      else senders.delete(pid);
    },
    take() {
      if (running.shared + running.serial + running.alone >= maxConnections) return undefined;
      const sharing = turns.find(canBegin);
      if (!sharing) return undefined;
      turns.splice(turns.indexOf(sharing), 1);
      turns.push(sharing);
      running[sharing]++;
      return { sharing, jobs: takeFrom(queues[sharing], sharing === 'alone' ? 1 : MAX_JOBS) };
    },
    release({ sharing }) {
      running[sharing]--;
    },
  };
}
