import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { FrameTooLargeError, StoreError, type RxwireError } from '../errors.js';
import type { Message } from '../message/types.js';
import { createConnectionStatus, type ConnectionStatus } from './connectionStatus.js';
import type { NatsSettings } from './natsOptions.js';
import { createNatsSubjects, type NatsSubjects } from './natsSubjects.js';

/** The connection, settings and helpers that all parts of a log share. */
export interface NatsContext extends NatsSettings {
  readonly client: JetStreamClient;
  /** Its requests have the timeout of one attempt, unless another one is given, in ms. */
  readonly manager: (timeout?: number) => Promise<JetStreamManager>;
  readonly subjects: NatsSubjects;
  readonly status: ConnectionStatus;
  /** The maximum size of an entry, in bytes. */
  readonly maxSize: () => number;
  /** @throws {FrameTooLargeError} If NATS would not accept the messages as one. */
  readonly encode: (messages: readonly Message[]) => Uint8Array | string;
  /** Decodes the messages of an entry. Reports an unreadable one and returns undefined. */
  readonly decode: (data: Uint8Array, subject: string) => readonly Message[] | undefined;
  /**
   * Decodes the messages of an entry. Returns none for an unreadable one, and does not report it: a
   * reader does.
   */
  readonly decodeQuietly: (data: Uint8Array) => readonly Message[];
  /** Calls `onError` of the user, which may throw. */
  readonly report: (error: RxwireError) => void;
}

/**
 * The timeout of one attempt, in ms. After a leader's death, JetStream does not answer what was
 * sent before.
 */
export const ATTEMPT_TIMEOUT = 1_000;

export function createNatsContext(settings: NatsSettings): NatsContext {
  const { connection, stream, codec, timeout, onError } = settings;
  const text = new TextDecoder();

  const report = (error: RxwireError): void => {
    try {
      onError(error);
    } catch {
      // There is no other place to report it.
    }
  };
  const decode = (data: Uint8Array): readonly Message[] => {
    const messages = codec.decode(codec.binary === false ? text.decode(data) : data);
    if (messages.length === 0 || messages.length > MAX_DECODED) throw new TypeError(`${messages.length} messages in one entry`);
    return messages;
  };
  const maxSize = (): number => (connection.info?.max_payload ?? Infinity) - OVERHEAD;
  return {
    ...settings,
    client: jetstream(connection, { timeout }),
    manager: (limit = Math.min(timeout, ATTEMPT_TIMEOUT)) => jetstreamManager(connection, { checkAPI: false, timeout: limit }),
    subjects: createNatsSubjects(stream),
    status: createConnectionStatus(connection),
    report,
    maxSize,
    encode(messages) {
      const data = codec.encode(messages);
      const size = byteLength(data);
      // NATS would close the connection. The headers count too.
      if (size > maxSize()) throw new FrameTooLargeError(size, maxSize());
      return data;
    },
    decode(data, subject) {
      try {
        return decode(data);
      } catch (cause) {
        report(new StoreError('nats', 'corrupt', new Error(`in ${subject}`, { cause })));
        return undefined;
      }
    },
    decodeQuietly(data) {
      try {
        return decode(data);
      } catch {
        return [];
      }
    },
  };
}

/** Returns the last message if it ends its channel. */
export function endOf(messages: readonly Message[]): Message | undefined {
  const last = messages.at(-1);
  return last?.type === 'channel.ended' ? last : undefined;
}

/** The room for headers, in bytes. */
const OVERHEAD = 4_096;
/** The offsets of an entry do not suffice for more. */
const MAX_DECODED = 4_096;

const byteLength = (data: Uint8Array | string): number => (typeof data === 'string' ? Buffer.byteLength(data) : data.length);

export const failed = (cause: unknown): StoreError => (cause instanceof StoreError ? cause : new StoreError('nats', 'failed', cause));
