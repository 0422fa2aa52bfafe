import { AsyncSubject, firstValueFrom, timer, type Observable } from 'rxjs';
import { FrameTooLargeError, OverflowError } from '../errors.js';
import { createRing, type Ring } from '../internal/ring.js';
import type { ChannelPosition } from '../message/channelTypes.js';
import type { Message } from '../message/types.js';
import { codeOf, failed, STREAM_NOT_FOUND, type Broker } from './broker.js';
import { openStream } from './stream.js';

interface Job {
  readonly subject: string;
  readonly id: string;
  readonly data: Uint8Array | string;
  readonly until: number;
  readonly stored$: AsyncSubject<ChannelPosition>;
}

const ATTEMPT = 1_000;
const PAUSE = 100;

/**
 * Adds messages, one after the other in each channel: with a second one on its way, one that was lost with its connection would be stored
 * behind it. A message is sent again until its time is up; JetStream knows it by its id.
 *
 * @param epochOf The epoch, as last seen.
 */
export function createAppending(broker: Broker, epochOf: () => Promise<string>) {
  const { connection, maxPending, timeout, scheduler, subjects, encode } = broker;
  const lanes = new Map<string, Ring<Job>>();
  let pending = 0;

  const settle = async (job: Job): Promise<void> => {
    try {
      job.stored$.next(await store(job, broker, epochOf));
      job.stored$.complete();
    } catch (error) {
      job.stored$.error(failed(error));
    }
  };
  const work = async (subject: string, lane: Ring<Job>): Promise<void> => {
    for (let job = lane.peek(); job; job = lane.peek()) {
      await settle(job);
      lane.shift();
      pending--;
    }
    lanes.delete(subject);
  };

  return (channel: string, message: Message): Observable<ChannelPosition> => {
    const [subject, data] = [subjects.of(channel), encode(message)];
    const [size, limit] = [byteLength(data), connection.info?.max_payload ?? Infinity];
    // NATS would end the connection. The headers count, too.
    if (size + OVERHEAD > limit) throw new FrameTooLargeError(size, limit - OVERHEAD);
    if (pending >= maxPending) throw new OverflowError('nats', maxPending);
    pending++;
    // Who publishes chooses the id of a message: it must not make another channel's, or another member's, be taken for a repeat.
    const id = JSON.stringify([channel, message.source, message.id]);
    const job: Job = { subject, id, data, until: scheduler.now() + timeout, stored$: new AsyncSubject() };
    const lane = lanes.get(subject) ?? createRing<Job>();
    lane.push(job);
    if (lane.size === 1) {
      lanes.set(subject, lane);
      void work(subject, lane);
    }
    return job.stored$;
  };
}

const OVERHEAD = 4_096;

const byteLength = (data: Uint8Array | string): number => (typeof data === 'string' ? Buffer.byteLength(data) : data.length);

/** Its place in the stream, also where it was stored by an earlier attempt whose answer was lost. */
async function store(job: Job, broker: Broker, epochOf: () => Promise<string>): Promise<ChannelPosition> {
  const { connection, client, scheduler, stream } = broker;
  let reason: unknown = new Error('no time was left for it');
  for (let left = job.until - scheduler.now(); left > 0; left = job.until - scheduler.now()) {
    try {
      const attempt = { msgID: job.id, timeout: Math.min(left, ATTEMPT), expect: { streamName: stream } };
      // Its mark comes first: what is before that is of an earlier one.
      const epoch = await epochOf();
      return { epoch, offset: (await client.publish(job.subject, job.data, attempt)).seq };
    } catch (error) {
      reason = error;
      const isMissing = isUnanswered(error);
      if (connection.isClosed() || (isRefusal(error) && !isMissing)) break;
      const isOpen = isMissing && (await openStream(broker).then(Boolean, () => false));
      if (!isOpen) await firstValueFrom(timer(Math.min(PAUSE, left), scheduler));
    }
  }
  throw failed(reason);
}

/** Whether JetStream has said no: it will say so again. What begins with 5 may pass. */
const isRefusal = (error: unknown): boolean => {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status < 500;
};

/** Nobody answers for a stream that is not there. */
const isUnanswered = (error: unknown): boolean =>
  codeOf(error) === STREAM_NOT_FOUND || (error as { name?: unknown } | null)?.name === 'JetStreamNotEnabled';
