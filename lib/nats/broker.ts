import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream';
import { StoreError, type RxwireError } from '../errors.js';
import type { Message } from '../message/types.js';
import type { Settings } from './options.js';
import { createSubjects, type Subjects } from './subjects.js';

/** What all parts of a log share. */
export interface Broker extends Settings {
  readonly client: JetStreamClient;
  readonly manager: () => Promise<JetStreamManager>;
  readonly subjects: Subjects;
  /** The latest message of a subject. */
  readonly latest: (subject: string) => Promise<StoredMsg | null>;
  readonly encode: (message: Message) => Uint8Array | string;
  /** Reports what cannot be read, and answers nothing. */
  readonly decode: (data: Uint8Array, subject: string) => Message | undefined;
  /** Tells the user, whose callback may throw. */
  readonly report: (error: RxwireError) => void;
}

export function createBroker(settings: Settings): Broker {
  const { connection, stream, codec, timeout, onError } = settings;
  const manager = (): Promise<JetStreamManager> => jetstreamManager(connection, { checkAPI: false, timeout });
  const text = new TextDecoder();

  const report = (error: RxwireError): void => {
    try {
      onError(error);
    } catch {
      // There is nobody left who could be told.
    }
  };
  return {
    ...settings,
    client: jetstream(connection, { timeout }),
    manager,
    subjects: createSubjects(stream),
    report,
    // Of the stream's leader: another replica may not have all yet.
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

/** The number that JetStream gives a failure. */
export const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

export const STREAM_NOT_FOUND = 10059;
export const WRONG_LAST_SEQUENCE = 10071;

export const failed = (cause: unknown): StoreError => (cause instanceof StoreError ? cause : new StoreError('nats', 'failed', cause));
