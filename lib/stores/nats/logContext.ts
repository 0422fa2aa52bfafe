import type { PlainCodec } from '../../codec/codec.js';
import { msgpack } from '../../codec/msgpack.js';
import { FrameTooLargeError } from '../../message/errors.js';
import { anything, positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';
import type { Message } from '../../message/types.js';
import { createEntryReader } from './entryReader.js';
import { assertNats, channelToken, corrupt, NATS_OPTIONS, type NatsContext, type NatsOptions, type NatsSettings } from './natsContext.js';
import { createNatsStream } from './natsStream.js';
import { createEpochs } from './streamEpochs.js';

export interface NatsChannelLogOptions extends NatsOptions {
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
}

const OPTIONS = {
  ...NATS_OPTIONS,
  stream: [anything, 'rxwire'],
  maxMessages: [positive, 1_000],
  maxTotalBytes: [positive, 268_435_456],
  maxAge: [positive, 86_400_000],
  dedupeWindow: [positive, 120_000],
  maxPending: [positive, 10_000],
  checkInterval: [positive, 5_000],
} as const satisfies OptionTable<NatsChannelLogOptions>;

export type LogSettings = NatsSettings & Required<Omit<NatsChannelLogOptions, keyof NatsOptions>>;

/**
 * @throws {RangeError} If a limit is not positive.
 * @throws {TypeError} If the name of the stream is invalid, or the connection has `noEcho`.
 */
export function logSettingsOf({ connection, ...options }: NatsChannelLogOptions): LogSettings {
  const { codec = msgpack(), scheduler = steadyScheduler(), onError } = options;
  const read = readOptions('natsChannelLog', options, OPTIONS);
  assertNats('natsChannelLog', connection, { stream: read.stream });
  return { ...read, connection, codec, scheduler, ...(onError && { onError }) };
}

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
    epochs: createEpochs(context, stream, epoch, channels),
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

/** An invalid name of a channel is a TypeError. */
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
