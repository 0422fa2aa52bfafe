import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream';
import { StoreError, type RxwireError } from '../errors.js';
import type { Message } from '../message/types.js';
import type { NatsSettings } from './natsOptions.js';
import { createNatsSubjects, type NatsSubjects } from './natsSubjects.js';

/** The connection, settings and helpers that all parts of a log share. */
export interface NatsContext extends NatsSettings {
  readonly client: JetStreamClient;
  readonly manager: () => Promise<JetStreamManager>;
  readonly subjects: NatsSubjects;
  /** Returns the latest message of a subject. */
  readonly latest: (subject: string) => Promise<StoredMsg | null>;
  readonly encode: (message: Message) => Uint8Array | string;
  /** Decodes a message. Reports an unreadable one and returns undefined. */
  readonly decode: (data: Uint8Array, subject: string) => Message | undefined;
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
  return {
    ...settings,
    client: jetstream(connection, { timeout }),
    manager,
    subjects: createNatsSubjects(stream),
    report,
    // Asks the leader of the stream: another replica may lag behind.
    latest: async (subject) => (await manager()).streams.getMessage(stream, { last_by_subj: subject }),
    encode: (message) => codec.encode([message]),
    decode(data, subject) {
      try {
        const messages = codec.decode(codec.binary === false ? text.decode(data) : data);
        if (messages.length === 1) return messages[0];
        throw new TypeError(`${messages.length} messages, where there must be one`);
      } catch (cause) {
        report(new StoreError('nats', 'corrupt', new Error(`in ${subject}`, { cause })));
        return undefined;
      }
    },
  };
}

/** Returns the JetStream error code of a failure. */
export const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

export const STREAM_NOT_FOUND = 10059;
export const WRONG_LAST_SEQUENCE = 10071;

export const failed = (cause: unknown): StoreError => (cause instanceof StoreError ? cause : new StoreError('nats', 'failed', cause));
