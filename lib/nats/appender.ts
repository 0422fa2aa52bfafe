import { AsyncSubject, firstValueFrom, from, timeout, timer, type Observable } from 'rxjs';
import { endedError, readEnd } from '../app/channels/channelPayloads.js';
import { ChannelEndedError, OverflowError } from '../errors.js';
import { createRing, type Ring } from '../internal/ring.js';
import type { ChannelPosition } from '../message/channelTypes.js';
import type { Message } from '../message/types.js';
import type { LastMessage, LastMessages } from './lastMessages.js';
import {
  codeOf,
  endOf,
  failed,
  STREAM_NOT_FOUND,
  WRONG_LAST_SEQUENCE,
  WRONG_LAST_SEQUENCE_IN_FLIGHT,
  type NatsContext,
} from './natsContext.js';
import { openStream } from './openStream.js';
import type { StreamEpoch } from './streamEpochs.js';

interface AppendJob {
  readonly channel: string;
  readonly subject: string;
  readonly message: Message;
  readonly id: string;
  readonly data: Uint8Array | string;
  readonly until: number;
  readonly stored$: AsyncSubject<ChannelPosition>;
}

const ATTEMPT_TIMEOUT = 1_000;
const PAUSE = 100;

export interface AppenderParts {
  /** Returns the epoch that was seen last. */
  readonly epochOf: () => Promise<StreamEpoch>;
  readonly lastMessages: LastMessages;
}

/**
 * Appends messages, one at a time in each channel: if two were in flight, one that was lost with its connection would be stored
 * behind the other. A message is sent again until its timeout; JetStream detects the duplicate by its id.
 *
 * JetStream stores a message only directly behind the last one of the channel that this server knows. So nothing is stored behind a message that ends the
 * channel, and a channel with one writer costs no read. A conflict with another server costs a read of the last message.
 */
export function createAppender(context: NatsContext, parts: AppenderParts) {
  const { maxPending, scheduler, subjects, encode } = context;
  const queues = new Map<string, Ring<AppendJob>>();
  let pending = 0;

  const settle = async (job: AppendJob): Promise<void> => {
    try {
      job.stored$.next(await publish(job, context, parts));
      job.stored$.complete();
    } catch (error) {
      job.stored$.error(error instanceof ChannelEndedError ? error : failed(error));
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
    if (endOf(message)) readEnd(message.payload);
    const [subject, data] = [subjects.of(channel), encode(message)];
    if (pending >= maxPending) throw new OverflowError('nats', maxPending);
    pending++;
    // The publisher chooses the id of a message. It must not collide with ids of other channels or members.
    const id = JSON.stringify([channel, message.source, message.id]);
    const job: AppendJob = { channel, subject, message, id, data, until: scheduler.now() + context.timeout, stored$: new AsyncSubject() };
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
async function publish(job: AppendJob, context: NatsContext, parts: AppenderParts): Promise<ChannelPosition> {
  const { connection, scheduler } = context;
  let reason: unknown = new Error('no time was left for it');
  for (let left = job.until - scheduler.now(); left > 0; left = job.until - scheduler.now()) {
    try {
      const position = await publishOnce(job, context, parts);
      if (position) return position;
      reason = new Error('other servers appended to the channel at each attempt');
    } catch (error) {
      if (error instanceof ChannelEndedError) throw error;
      reason = error;
      const isMissing = isStreamMissing(error);
      if (connection.isClosed() || (isRefusal(error) && !isMissing)) break;
      const isOpen = isMissing && (await openStream(context).then(Boolean, () => false));
      if (!isOpen) await firstValueFrom(timer(Math.min(PAUSE, left), scheduler));
    }
  }
  throw failed(reason);
}

/** Returns undefined if another server was faster. @throws {ChannelEndedError} */
async function publishOnce(
  job: AppendJob,
  context: NatsContext,
  { epochOf, lastMessages }: AppenderParts,
): Promise<ChannelPosition | undefined> {
  const { scheduler, client, stream } = context;
  const { channel, subject, message } = job;
  // Ensures that the epoch marker is written first: messages before it belong to an earlier epoch.
  const streamEpoch = await epochOf();
  const limit = Math.max(1, Math.min(job.until - scheduler.now(), ATTEMPT_TIMEOUT));
  const load = (): Promise<LastMessage> =>
    firstValueFrom(from(lastMessages.load(subject, streamEpoch)).pipe(timeout({ first: limit, scheduler })));
  const last = lastMessages.get(subject) ?? (await load());
  try {
    const options = { msgID: job.id, timeout: limit, expect: { streamName: stream, lastSubjectSequence: expectedSequence(last) } };
    const { seq, duplicate } = await client.publish(subject, job.data, options);
    if (!duplicate) lastMessages.set(subject, { seq, end: endOf(message) });
    return { epoch: streamEpoch.epoch, offset: seq };
  } catch (error) {
    if (!isConflict(error)) throw error;
    const { end } = await load();
    if (end) throw endedError(channel, end);
    return undefined;
  }
}

/**
 * Behind an end, JetStream is asked for a channel without messages: it returns the position of a message that it has stored before, and accepts another one
 * only if the end was removed with all of the channel.
 */
const expectedSequence = ({ seq, end }: LastMessage): number => (end ? 0 : seq);

const isConflict = (error: unknown): boolean => [WRONG_LAST_SEQUENCE, WRONG_LAST_SEQUENCE_IN_FLIGHT].includes(codeOf(error) as number);

/** Returns whether JetStream has rejected the message finally. Status codes from 500 on may be temporary. */
const isRefusal = (error: unknown): boolean => {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status < 500;
};

/** Without a stream, there is no responder. */
const isStreamMissing = (error: unknown): boolean =>
  codeOf(error) === STREAM_NOT_FOUND || (error as { name?: unknown } | null)?.name === 'JetStreamNotEnabled';
