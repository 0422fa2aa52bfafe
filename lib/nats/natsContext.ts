import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream';
import { FrameTooLargeError, StoreError, type RxwireError } from '../errors.js';
import type { Message } from '../message/types.js';
import { createConnectionStatus, type ConnectionStatus } from './connectionStatus.js';
import type { NatsSettings } from './natsOptions.js';
import { createNatsSubjects, type NatsSubjects } from './natsSubjects.js';

/** The connection, settings and helpers that all parts of a log share. */
export interface NatsContext extends NatsSettings {
  readonly client: JetStreamClient;
  readonly manager: () => Promise<JetStreamManager>;
  readonly subjects: NatsSubjects;
  readonly status: ConnectionStatus;
  /** Returns the latest message of a subject. */
  readonly latest: (subject: string) => Promise<StoredMsg | null>;
  /** @throws {FrameTooLargeError} If NATS would not accept the message. */
  readonly encode: (message: Message) => Uint8Array | string;
  /** Decodes a message. Reports an unreadable one and returns undefined. */
  readonly decode: (data: Uint8Array, subject: string) => Message | undefined;
  /** Returns the message if it ends its channel. Reports no unreadable message: a reader does. */
  readonly decodeEnd: (data: Uint8Array) => Message | undefined;
  /** Calls `onError` of the user, which may throw. */
  readonly report: (error: RxwireError) => void;
}

export function createNatsContext(settings: NatsSettings): NatsContext {
  const { connection, stream, codec, timeout, onError } = settings;
  const manager = (): Promise<JetStreamManager> => jetstreamManager(connection, { checkAPI: false, timeout });
  const text = new TextDecoder();

  const report = (error: RxwireError): void => {
    try {
      onError(error);
    } catch {
      // There is no other place to report it.
    }
  };
  const decodeOne = (data: Uint8Array): Message => {
    const messages = codec.decode(codec.binary === false ? text.decode(data) : data);
    const [message] = messages;
    if (message && messages.length === 1) return message;
    throw new TypeError(`${messages.length} messages, where there must be one`);
  };
  return {
    ...settings,
    client: jetstream(connection, { timeout }),
    manager,
    subjects: createNatsSubjects(stream),
    status: createConnectionStatus(connection),
    report,
    // Asks the leader of the stream: another replica may lag behind.
    latest: async (subject) => (await manager()).streams.getMessage(stream, { last_by_subj: subject }),
    encode(message) {
      const data = codec.encode([message]);
      const [size, limit] = [byteLength(data), connection.info?.max_payload ?? Infinity];
      // NATS would close the connection. The headers count too.
      if (size + OVERHEAD > limit) throw new FrameTooLargeError(size, limit - OVERHEAD);
      return data;
    },
    decode(data, subject) {
      try {
        return decodeOne(data);
      } catch (cause) {
        report(new StoreError('nats', 'corrupt', new Error(`in ${subject}`, { cause })));
        return undefined;
      }
    },
    decodeEnd(data) {
      try {
        return endOf(decodeOne(data));
      } catch {
        return undefined;
      }
    },
  };
}

/** Returns the message if it ends its channel. */
export function endOf(message: Message | undefined): Message | undefined {
  return message?.type === 'channel.ended' ? message : undefined;
}

/** The room for headers, in bytes. */
const OVERHEAD = 4_096;

const byteLength = (data: Uint8Array | string): number => (typeof data === 'string' ? Buffer.byteLength(data) : data.length);

/** Returns the JetStream error code of a failure. */
export const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

export const STREAM_NOT_FOUND = 10059;
export const WRONG_LAST_SEQUENCE = 10071;
/** A cluster answers so while it stores another message of the subject. */
export const WRONG_LAST_SEQUENCE_IN_FLIGHT = 10164;

export const failed = (cause: unknown): StoreError => (cause instanceof StoreError ? cause : new StoreError('nats', 'failed', cause));
