import { AsyncSubject, type Observable } from 'rxjs';
import { endedError, readEnd } from '../../channels/channelPayloads.js';
import { repeatKeyOf } from '../../channels/publisherMark.js';
import { OverflowError } from '../../message/errors.js';
import { estimateSize } from '../../message/estimateSize.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { ChannelHead, ChannelHeads } from './channelHeads.js';
import { endOf, type LogContext } from './logContext.js';
import { ATTEMPT_TIMEOUT, failed, isStreamMissing } from './natsContext.js';
import { entryBytes, offsetOf } from './streamEntry.js';

interface AppendJob {
  readonly channel: string;
  readonly message: Message;
  readonly id: string;
  readonly bytes: number;
  readonly until: number;
  readonly stored$: AsyncSubject<ChannelPosition>;
}

/** The maximum number of messages in an entry, and their estimated size in bytes. */
const MAX_MESSAGES = 256;
const MAX_BYTES = 131_072;

/**
 * Appends messages, one entry at a time in each channel: if two were in flight, one that was lost
 * with its connection would be stored behind the other. Messages that are appended meanwhile wait,
 * and are stored together as the next entry.
 *
 * JetStream stores an entry only directly behind the last one that this server knows. So nothing is
 * stored behind a message that ends the channel, and no message is stored whose id is among the
 * recent ones that this server knows.
 *
 * @param onRecovered Called when an append has succeeded after a failure: NATS may have a new
 *   leader.
 */
export function createAppender(log: LogContext, heads: ChannelHeads, onRecovered: () => void) {
  const { maxPending, scheduler, subjects, encode, maxSize } = log;
  const queues = new Map<string, AppendQueue>();
  let pending = 0;

  const open = (subject: string): AppendQueue => {
    const queue = createQueue(() => pending--);
    const drain = async (): Promise<void> => {
      while (queue.jobs.size > 0) await storeNext(subject, queue, log, heads, onRecovered);
      queues.delete(subject);
    };
    queues.set(subject, queue);
    // Messages of one turn share an entry.
    queueMicrotask(() => void drain());
    return queue;
  };

  return (channel: string, message: Message): Observable<ChannelPosition> => {
    if (endOf([message])) readEnd(message.payload);
    const subject = subjects.of(channel);
    const bytes = estimateSize(message);
    // A text may have three times as many bytes as characters.
    if (bytes > maxSize() / 4) encode([message]);
    if (pending >= maxPending) throw new OverflowError('nats', maxPending);
    pending++;
    const stored$ = new AsyncSubject<ChannelPosition>();
    const { jobs } = queues.get(subject) ?? open(subject);
    jobs.add({ channel, message, id: repeatKeyOf(message), bytes, until: scheduler.now() + log.timeout, stored$ });
    return stored$;
  };
}

type AppendQueue = ReturnType<typeof createQueue>;

/** The messages of a channel that wait, in order. A message leaves when its outcome is known. */
function createQueue(onLeft: () => void) {
  const jobs = new Set<AppendJob>();
  const leave = (job: AppendJob): boolean => {
    const isInside = jobs.delete(job);
    if (isInside) onLeft();
    return isInside;
  };
  return {
    jobs,
    store(job: AppendJob, epoch: string, offset: number | undefined): void {
      if (offset === undefined || !leave(job)) return;
      job.stored$.next({ epoch, offset });
      job.stored$.complete();
    },
    reject(job: AppendJob, error: unknown): void {
      if (leave(job)) job.stored$.error(error);
    },
  };
}

/** Stores the first messages of a queue as one entry. Returns when an outcome is known. */
async function storeNext(
  subject: string,
  queue: AppendQueue,
  log: LogContext,
  heads: ChannelHeads,
  onRecovered: () => void,
): Promise<void> {
  const { stream, scheduler } = log;
  const most = Math.min(MAX_MESSAGES, log.codec.limits?.maxBatch ?? MAX_MESSAGES);
  const waiting = (): readonly AppendJob[] => {
    const first: AppendJob[] = [];
    for (const job of queue.jobs) if (first.push(job) === most) break;
    return first;
  };
  const load = async (): Promise<ChannelHead> => {
    const { head, read } = await heads.load(subject);
    for (const job of waiting()) queue.store(job, head.epoch, read.get(job.id));
    return head;
  };
  let head = heads.get(subject);
  /** Whether an append is under way; and whether one has failed: its entry may be stored. */
  let [isWriting, isUnsure] = [false, false];
  let reason: unknown = new Error('no time was left for it');

  for (;;) {
    for (const job of waiting()) if (job.until <= scheduler.now()) queue.reject(job, failed(reason));
    const jobs = waiting();
    const until = jobs.at(-1)?.until;
    if (until === undefined) return;
    try {
      // After an end, the leader reports whether the channel still contains it.
      if (!head || head.end) head = await load();
      const batch = batchOf(queue, jobs, head, log);
      if (!batch) return;
      const { epoch, previous, seq: behind } = head;
      const data = entryBytes(epoch, previous, batch.frame);
      isWriting = true;
      const seq = await stream.append({ subject, data, behind }, Math.max(1, Math.min(until - scheduler.now(), ATTEMPT_TIMEOUT)));
      isWriting = false;
      if (seq !== undefined) {
        heads.observe(
          { subject, seq, previous },
          batch.jobs.map(({ message }) => message),
        );
        batch.jobs.forEach((job, index) => queue.store(job, epoch, offsetOf(seq, index)));
        if (isUnsure) onRecovered();
        return;
      }
      reason = new Error('other servers appended to the channel at each attempt');
      // The tail of the channel may have received what the other server has stored.
      const observed = heads.get(subject);
      head = !isUnsure && observed && observed.seq > behind ? observed : await load();
    } catch (error) {
      [isWriting, isUnsure, reason] = [false, isUnsure || isWriting, error];
      if (isStreamMissing(error)) head = undefined;
      try {
        await log.pauseAfter(error, until);
      } catch (final) {
        for (const job of jobs) queue.reject(job, final);
        return;
      }
    }
  }
}

interface AppendBatch {
  readonly jobs: readonly AppendJob[];
  readonly frame: Uint8Array | string;
}

/**
 * Takes the first messages for an entry. Those that are stored already, or that are behind the end
 * of the channel, leave the queue. Returns undefined if none is left.
 */
function batchOf(queue: AppendQueue, waiting: readonly AppendJob[], head: ChannelHead, log: LogContext): AppendBatch | undefined {
  const jobs = new Map<string, AppendJob>();
  let bytes = 0;
  for (const job of waiting) {
    if (!queue.jobs.has(job)) continue;
    const offset = head.ids.get(job.id);
    if (offset !== undefined) queue.store(job, head.epoch, offset);
    else if (head.end) queue.reject(job, endedError(job.channel, head.end));
    else {
      bytes += job.bytes;
      // The later messages wait for the next entry: the position of a repeated message, or the end,
      // is known then.
      if (jobs.has(job.id) || (jobs.size > 0 && bytes > MAX_BYTES)) break;
      jobs.set(job.id, job);
      if (endOf([job.message])) break;
    }
  }
  return encodeBatch(queue, [...jobs.values()], log);
}

/**
 * Encodes messages as one entry; if the codec or NATS does not accept that, the first half of them.
 * Rejects a single one that is not accepted.
 */
function encodeBatch(queue: AppendQueue, jobs: readonly AppendJob[], log: LogContext): AppendBatch | undefined {
  const [first] = jobs;
  if (!first) return undefined;
  try {
    return { jobs, frame: log.encode(jobs.map(({ message }) => message)) };
  } catch (error) {
    if (jobs.length > 1) return encodeBatch(queue, jobs.slice(0, Math.ceil(jobs.length / 2)), log);
    queue.reject(first, error);
    return undefined;
  }
}
