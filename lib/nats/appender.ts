import { AsyncSubject, firstValueFrom, timer, type Observable } from 'rxjs';
import { OverflowError } from '../errors.js';
import { createRing, type Ring } from '../internal/ring.js';
import type { ChannelPosition } from '../message/channelTypes.js';
import type { Message } from '../message/types.js';
import { codeOf, failed, STREAM_NOT_FOUND, type NatsContext } from './natsContext.js';
import { openStream } from './openStream.js';

interface AppendJob {
  readonly subject: string;
  readonly id: string;
  readonly data: Uint8Array | string;
  readonly until: number;
  readonly stored$: AsyncSubject<ChannelPosition>;
}

const ATTEMPT_TIMEOUT = 1_000;
const PAUSE = 100;

/**
 * Appends messages, one at a time in each channel: if two were in flight, one that was lost with its connection would be stored
 * behind the other. A message is sent again until its timeout; JetStream detects the duplicate by its id.
 *
 * @param epochOf Returns the epoch that was seen last.
 */
export function createAppender(context: NatsContext, epochOf: () => Promise<string>) {
  const { maxPending, timeout, scheduler, subjects, encode } = context;
  const queues = new Map<string, Ring<AppendJob>>();
  let pending = 0;

  const settle = async (job: AppendJob): Promise<void> => {
    try {
      job.stored$.next(await publish(job, context, epochOf));
      job.stored$.complete();
    } catch (error) {
      job.stored$.error(failed(error));
    }
  };
  const drain = async (subject: string, queue: Ring<AppendJob>): Promise<void> => {
    for (let job = queue.peek(); job; job = queue.peek()) {
      await settle(job);
      queue.shift();
      pending--;
    }
    queues.delete(subject);
  };

  return (channel: string, message: Message): Observable<ChannelPosition> => {
    const [subject, data] = [subjects.of(channel), encode(message)];
    if (pending >= maxPending) throw new OverflowError('nats', maxPending);
    pending++;
    // The publisher chooses the id of a message. It must not collide with ids of other channels or members.
    const id = JSON.stringify([channel, message.source, message.id]);
    const job: AppendJob = { subject, id, data, until: scheduler.now() + timeout, stored$: new AsyncSubject() };
    const queue = queues.get(subject) ?? createRing<AppendJob>();
    queue.push(job);
    if (queue.size === 1) {
      queues.set(subject, queue);
      void drain(subject, queue);
    }
    return job.stored$;
  };
}

/** Returns the position in the stream, also if an earlier attempt has stored the message and its ack was lost. */
async function publish(job: AppendJob, context: NatsContext, epochOf: () => Promise<string>): Promise<ChannelPosition> {
  const { connection, client, scheduler, stream } = context;
  let reason: unknown = new Error('no time was left for it');
  for (let left = job.until - scheduler.now(); left > 0; left = job.until - scheduler.now()) {
    try {
      const attempt = { msgID: job.id, timeout: Math.min(left, ATTEMPT_TIMEOUT), expect: { streamName: stream } };
      // Ensures that the epoch marker is written first: messages before it belong to an earlier epoch.
      const epoch = await epochOf();
      return { epoch, offset: (await client.publish(job.subject, job.data, attempt)).seq };
    } catch (error) {
      reason = error;
      const isMissing = isStreamMissing(error);
      if (connection.isClosed() || (isRefusal(error) && !isMissing)) break;
      const isOpen = isMissing && (await openStream(context).then(Boolean, () => false));
      if (!isOpen) await firstValueFrom(timer(Math.min(PAUSE, left), scheduler));
    }
  }
  throw failed(reason);
}

/** Returns whether JetStream has rejected the message finally. Status codes from 500 on may be temporary. */
const isRefusal = (error: unknown): boolean => {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status < 500;
};

/** Without a stream, there is no responder. */
const isStreamMissing = (error: unknown): boolean =>
  codeOf(error) === STREAM_NOT_FOUND || (error as { name?: unknown } | null)?.name === 'JetStreamNotEnabled';
