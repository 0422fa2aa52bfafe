import { FrameTooLargeError } from '../errors.js';
import type { Message } from '../message/types.js';
import { createEntryReader, type EntryReader } from './entryReader.js';
import type { NatsContext } from './natsContext.js';
import { corrupt } from './natsFaults.js';
import type { LogSettings } from './natsOptions.js';
import { createNatsStream, type NatsStream } from './natsStream.js';
import { createNatsSubjects, type NatsSubjects } from './natsSubjects.js';
import { createEpochs, type Epochs } from './streamEpochs.js';

/** The stream, the settings and the helpers that all parts of a log share. */
export interface LogContext extends NatsContext, Omit<LogSettings, 'stream' | keyof NatsContext> {
  readonly stream: NatsStream;
  readonly subjects: NatsSubjects;
  readonly epochs: Epochs;
  readonly reader: EntryReader;
  /** The maximum size of an entry, in bytes. */
  readonly maxSize: () => number;
  /** @throws {FrameTooLargeError} If NATS would not accept the messages as one. */
  readonly encode: (messages: readonly Message[]) => Uint8Array | string;
  /** Decodes the messages of an entry. Reports an unreadable one and returns none. */
  readonly decode: (data: Uint8Array, subject: string) => readonly Message[];
  /** Does the same, and does not report an unreadable entry: a reader does. */
  readonly decodeQuietly: (data: Uint8Array) => readonly Message[];
}

/** The room for headers, in bytes. */
const OVERHEAD = 4_096;
/** The offsets of an entry do not suffice for more. */
const MAX_DECODED = 4_096;

export function createLogContext(context: LogSettings & NatsContext): LogContext {
  const { stream: name, codec, maxMessages, maxTotalBytes, maxAge, maxPayload, report } = context;
  const subjects = createNatsSubjects(name);
  const { channels, epoch, republish } = subjects;
  const limits = { maxMessages, maxBytes: maxTotalBytes, maxAge };
  const stream = createNatsStream(context, { name, subjects: [channels, epoch], discard: 'old', republish, ...limits });
  const text = new TextDecoder();
  const decodeOr = (data: Uint8Array, onError: (cause: unknown) => void): readonly Message[] => {
    try {
      const messages = codec.decode(codec.binary === false ? text.decode(data) : data);
      if (messages.length === 0 || messages.length > MAX_DECODED) throw new TypeError(`${messages.length} messages in one entry`);
      return messages;
    } catch (cause) {
      onError(cause);
      return [];
    }
  };
  const maxSize = (): number => maxPayload() - OVERHEAD;
  return {
    ...context,
    stream,
    subjects,
    epochs: createEpochs(context, stream, epoch),
    reader: createEntryReader(stream),
    maxSize,
    encode(messages) {
      const data = codec.encode(messages);
      const size = Buffer.byteLength(data);
      // NATS would close the connection. The headers count too.
      if (size > maxSize()) throw new FrameTooLargeError(size, maxSize());
      return data;
    },
    decode: (data, subject) => decodeOr(data, (cause) => report(corrupt(subject, cause))),
    decodeQuietly: (data) => decodeOr(data, () => undefined),
  };
}

/** Returns the last message if it ends its channel. */
export function endOf(messages: readonly Message[]): Message | undefined {
  const last = messages.at(-1);
  return last?.type === 'channel.ended' ? last : undefined;
}
