import type { SchedulerLike } from 'rxjs';
import type { PlainCodec } from '../../codec/codec.js';
import { msgpack } from '../../codec/msgpack.js';
import { FrameTooLargeError, type RxwireError } from '../../message/errors.js';
import { assertPositive } from '../../message/options/assert.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';
import type { Message } from '../../message/types.js';
import { createEntryReader } from './entryReader.js';
import { assertNats, channelToken, corrupt, type NatsConnection, type NatsContext, type NatsSettings } from './natsContext.js';
import { createNatsStream } from './natsStream.js';
import { createEpochs } from './streamEpochs.js';

export interface NatsChannelLogOptions {
  /**
   * An open connection without `noEcho`, which the caller keeps and closes. Set
   * `maxReconnectAttempts: -1`; otherwise it closes for good after a long outage of NATS.
   */
  readonly connection: NatsConnection;
  /**
   * The name of the stream, which is created if it does not exist. Its subjects start with the
   * name. Servers that share channels use the same name.
   * @default 'rxwire'
   */
  readonly stream?: string;
  /** The codec of stored messages. @default msgpack() */
  readonly codec?: PlainCodec;
  /**
   * The number of entries of a channel that are kept, each with one message or, where messages are
   * stored together, up to 256.
   * @default 1_000
   */
  readonly maxMessages?: number;
  /**
   * The maximum size of the messages of all channels, in bytes. Above it, the oldest are removed.
   * @default 268_435_456: 256 MiB
   */
  readonly maxTotalBytes?: number;
  /** The maximum age of a message, in ms. @default 86_400_000: a day */
  readonly maxAge?: number;
  /** The time in which a repeated message is detected, in ms. @default 120_000: 2 minutes */
  readonly dedupeWindow?: number;
  /** The number of replicas of a new stream. @default 1 */
  readonly replicas?: number;
  /** The storage of a new stream. @default 'file' */
  readonly storage?: 'file' | 'memory';
  /**
   * The timeout of an append or read, in ms. After a leader's death, NATS may take 7 s to elect
   * another one.
   * @default 15_000
   */
  readonly timeout?: number;
  /**
   * The maximum number of messages that wait to be stored; above it, appending fails.
   * @default 10_000
   */
  readonly maxPending?: number;
  /**
   * The interval of checks for a lost history, and for entries that did not reach this server, in
   * ms.
   * @default 5_000
   */
  readonly checkInterval?: number;
  /**
   * Called with errors that no call returns: NATS is unreachable, or the stream contains something
   * that is not a message. Its exceptions are ignored.
   * @default no report
   */
  readonly onError?: (error: RxwireError) => void;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

type Options = Omit<NatsChannelLogOptions, 'onError'> & Pick<NatsSettings, 'onError'>;
export type LogSettings = Required<Omit<NatsChannelLogOptions, 'onError'>> & Pick<NatsSettings, 'onError'>;

/**
 * @throws {RangeError} If a limit is not positive.
 * @throws {TypeError} If the name of the stream is invalid, or the connection has `noEcho`.
 */
export function logSettingsOf(options: Options): LogSettings {
  const { connection, stream = 'rxwire', codec = msgpack(), replicas = 1, storage = 'file' } = options;
  const { maxMessages = 1_000, maxTotalBytes = 268_435_456, maxAge = 86_400_000, dedupeWindow = 120_000 } = options;
  const { timeout = 15_000, maxPending = 10_000, checkInterval = 5_000, scheduler = steadyScheduler() } = options;
  const limits = { maxMessages, maxTotalBytes, maxAge, dedupeWindow, replicas, timeout, maxPending, checkInterval };
  assertPositive('natsChannelLog', limits);
  assertNats('natsChannelLog', connection, { stream });
  return { ...options, connection, stream, codec, storage, scheduler, ...limits };
}

/** The stream, the settings and the helpers that all parts of a log share. */
export type LogContext = ReturnType<typeof createLogContext>;

/** The room for headers, in bytes. */
const OVERHEAD = 4_096;
/** The offsets of an entry do not suffice for more. */
const MAX_DECODED = 4_096;

export function createLogContext(context: LogSettings & NatsContext) {
  const { stream: name, codec, maxMessages, maxTotalBytes, maxAge, maxPayload, report } = context;
  const subjects = createLogSubjects(name);
  const { channels, epoch, republish } = subjects;
  const limits = { maxMessages, maxBytes: maxTotalBytes, maxAge };
  const stream = createNatsStream(context, { name, subjects: [channels, epoch], discard: 'old', republish, ...limits });
  const text = new TextDecoder();
  const maxSize = (): number => maxPayload() - OVERHEAD;
  return {
    ...context,
    stream,
    subjects,
    epochs: createEpochs(context, stream, epoch),
    reader: createEntryReader(stream),
    maxSize,
    /** @throws {FrameTooLargeError} If NATS would not accept the messages as one. */
    encode: (messages: readonly Message[]): Uint8Array | string => {
      const data = codec.encode(messages);
      const size = Buffer.byteLength(data);
      // NATS would close the connection. The headers count too.
      if (size > maxSize()) throw new FrameTooLargeError(size, maxSize());
      return data;
    },
    /**
     * Decodes the messages of an entry; none of an unreadable one. A reader of the entry passes its
     * subject: then an unreadable one is reported.
     */
    decode: (data: Uint8Array, subject?: string): readonly Message[] => {
      try {
        const messages = codec.decode(codec.binary === false ? text.decode(data) : data);
        if (messages.length === 0 || messages.length > MAX_DECODED) throw new TypeError(`${messages.length} messages in one entry`);
        return messages;
      } catch (cause) {
        if (subject !== undefined) report(corrupt(subject, cause));
        return [];
      }
    },
  };
}

/**
 * Creates the subjects of the channels, and of the epoch marker. An invalid name of a channel is a
 * TypeError.
 */
function createLogSubjects(stream: string) {
  const [prefix, live] = [`${stream}.channel.`, `${stream}.live.`];
  return {
    epoch: `${stream}.epoch`,
    channels: `${prefix}*`,
    /** Where JetStream copies each stored entry to. */
    republish: { src: `${prefix}*`, dest: `${live}{{wildcard(1)}}` },
    of: (channel: string): string => prefix + channelToken(channel),
    /**
     * The subject of what the tails of a channel receive: stored entries, and messages that are not
     * stored. It is not part of the stream.
     */
    liveOf: (channel: string): string => live + channelToken(channel),
    /** Returns the channel of a subject; undefined for other subjects. */
    channelOf: (subject: string): string | undefined => {
      const channel = subject.startsWith(prefix) ? subject.slice(prefix.length).replaceAll('=', '.') : '';
      return NAME_PATTERN.test(channel) ? channel : undefined;
    },
  };
}

/** Returns the last message if it ends its channel. */
export function endOf(messages: readonly Message[]): Message | undefined {
  const last = messages.at(-1);
  return last?.type === 'channel.ended' ? last : undefined;
}
