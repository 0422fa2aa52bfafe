import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { nanoid } from 'nanoid';
import { fetchMessages } from './fetchMessages.js';
import { codeOf, STREAM_NOT_FOUND } from './natsFaults.js';
import type { NodeContext } from './nodeContext.js';
import { limitsOf, openStream, type StreamDefinition } from './openStream.js';
import { ATTEMPT } from './patiently.js';

/** An entry of a subject. */
export interface SubjectEntry {
  /** Its sequence number in the stream. */
  readonly seq: number;
  readonly data: Uint8Array;
}

export interface SubjectStreamOptions {
  /** The name of the stream. */
  readonly stream: string;
  /** Each subject begins with this text, behind which is one token. */
  readonly prefix: string;
  /** The maximum number of entries of a subject; the oldest are removed. @default no limit */
  readonly maxPerSubject?: number;
  /** The maximum size of all entries, in bytes. Above it, a publish fails. */
  readonly maxBytes: number;
  /** The time after which an entry is removed, in ms. */
  readonly maxAge: number;
}

/** The stored entries of one subject. */
export interface SubjectUsage {
  readonly name: string;
  /** The group of the latest entry. */
  readonly group: string;
  /** The size of its entries in bytes, without the latest one. */
  readonly bytes: number;
  /** The time at which the latest entry was stored, in ms since 1970. */
  readonly at: number;
}

/** The stored entries of a stream. */
export interface StreamUsage {
  /** The size of all entries, and the size that they may have, in bytes. */
  readonly bytes: number;
  readonly maxBytes: number;
  readonly subjects: readonly SubjectUsage[];
}

/**
 * A stream of JetStream with one subject for each name. Each request is one attempt, and fails with
 * the error of NATS.
 */
export interface SubjectStream {
  /**
   * Returns the latest entry of a subject, or the first one from a sequence number on, as the
   * leader of the stream knows it.
   */
  read(name: string, from?: number): Promise<SubjectEntry | undefined>;
  /**
   * Stores an entry if `behind` is the sequence number of the latest one. Returns its sequence
   * number.
   *
   * @param group Whom the entry counts for. @default ''
   */
  publish(name: string, data: Uint8Array, behind: number, timeout: number, group?: string): Promise<number>;
  /** Removes the entries of a subject in front of a sequence number. */
  purge(name: string, seq: number): Promise<unknown>;
  /** Removes the entries of a subject in front of the latest one. */
  keepLatest(name: string): Promise<unknown>;
  /** Reads the headers of all entries. */
  usage(): Promise<StreamUsage>;
}

/** The headers of JetStream with the id of a message, and with the size of its data. */
const ID = 'Nats-Msg-Id';
const SIZE = 'Nats-Msg-Size';

export function createSubjectStream(context: NodeContext, options: SubjectStreamOptions): SubjectStream {
  const { connection, scheduler } = context;
  const { stream, prefix } = options;
  const client = jetstream(connection, { timeout: ATTEMPT });
  const definition = definitionOf(context, options);
  const openManager = (timeout = ATTEMPT): Promise<JetStreamManager> => jetstreamManager(connection, { checkAPI: false, timeout });
  const manager = openManager();
  let opening: Promise<unknown> | undefined;

  /** Opens the stream once, also after its deletion. */
  const opened = (): Promise<unknown> =>
    (opening ??= openStream(openManager, definition, context.timeout).catch((error: unknown) => {
      opening = undefined;
      throw error;
    }));
  const run = async <T>(request: () => Promise<T>): Promise<T> => {
    await opened();
    try {
      return await request();
    } catch (error) {
      if (codeOf(error) === STREAM_NOT_FOUND) opening = undefined;
      throw error;
    }
  };

  return {
    read: (name, from) =>
      run(async () => {
        const subject = prefix + name;
        // The leader answers this request; a replica might lag behind.
        const query = from === undefined ? { last_by_subj: subject } : { seq: from, next_by_subj: subject };
        const found = await (await manager).streams.getMessage(stream, query);
        return found ? { seq: found.seq, data: found.data } : undefined;
      }),
    publish: (name, data, behind, timeout, group = '') =>
      run(async () => {
        // The id is unique for each attempt, so that JetStream takes none for a repeat. It carries
        // the group: the other headers would need another package.
        const msgID = `${nanoid()} ${group}`;
        return (await client.publish(prefix + name, data, { timeout, msgID, expect: { lastSubjectSequence: behind } })).seq;
      }),
    purge: async (name, seq) => (await manager).streams.purge(stream, { filter: prefix + name, seq }),
    keepLatest: async (name) => (await manager).streams.purge(stream, { filter: prefix + name, keep: 1 }),
    usage: () =>
      run(async () => {
        const { state, config } = await (await manager).streams.info(stream);
        const subjects = new Map<string, SubjectUsage & { readonly last: number }>();
        const range = { subject: `${prefix}*`, from: 1, until: state.last_seq, headersOnly: true };
        await fetchMessages({ client, manager: openManager, stream, scheduler }, range, ({ subject, headers, time }) => {
          const before = subjects.get(subject);
          const usage = {
            name: subject.slice(prefix.length),
            group: /(?<= ).*/.exec(headers?.get(ID) ?? '')?.[0] ?? '',
            bytes: (before?.bytes ?? 0) + (before?.last ?? 0),
            at: time.getTime(),
            last: Number(headers?.get(SIZE) ?? 0),
          };
          subjects.set(subject, usage);
          return false;
        });
        return { bytes: state.bytes, maxBytes: config.max_bytes, subjects: [...subjects.values()] };
      }),
  };
}

function definitionOf(
  { replicas, storage }: NodeContext,
  { stream, prefix, maxPerSubject = Infinity, maxBytes, maxAge }: SubjectStreamOptions,
): StreamDefinition {
  const fixed = { name: stream, subjects: [`${prefix}*`], storage, num_replicas: replicas, discard: 'new' as const };
  return { ...fixed, limits: limitsOf(maxPerSubject, maxBytes, maxAge) };
}
