import { jetstream, jetstreamManager, type JetStreamManager, type StreamConfig } from '@nats-io/jetstream';
import { codeOf, STREAM_NOT_FOUND } from './natsFaults.js';
import type { NodeContext } from './nodeContext.js';
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

/** A stream of JetStream with one subject for each name. Each request is one attempt, and fails with the error of NATS. */
export interface SubjectStream {
  /** Returns the latest entry of a subject, or the first one from a sequence number on, as the leader of the stream knows it. */
  read(name: string, from?: number): Promise<SubjectEntry | undefined>;
  /** Stores an entry if `behind` is the sequence number of the latest one. Returns its sequence number. */
  publish(name: string, data: Uint8Array, behind: number, timeout: number): Promise<number>;
  /** Removes the entries of a subject in front of a sequence number. */
  purge(name: string, seq: number): Promise<unknown>;
}

export function createSubjectStream(context: NodeContext, options: SubjectStreamOptions): SubjectStream {
  const { connection } = context;
  const { stream, prefix } = options;
  const client = jetstream(connection, { timeout: ATTEMPT });
  const openManager = (): Promise<JetStreamManager> => jetstreamManager(connection, { checkAPI: false, timeout: ATTEMPT });
  let manager = openManager();
  let opening: Promise<void> | undefined;

  const open = async (): Promise<void> => {
    const { streams } = await manager;
    await openStream(streams, configOf(context, options));
  };
  /** Opens the stream once, also after somebody has deleted it. */
  const opened = (): Promise<void> =>
    (opening ??= open().catch((error: unknown) => {
      opening = undefined;
      manager = openManager();
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
    publish: (name, data, behind, timeout) =>
      run(async () => (await client.publish(prefix + name, data, { timeout, expect: { lastSubjectSequence: behind } })).seq),
    purge: async (name, seq) => (await manager).streams.purge(stream, { filter: prefix + name, seq }),
  };
}

type StreamManager = JetStreamManager['streams'];

async function openStream(streams: StreamManager, config: Partial<StreamConfig> & { readonly name: string }): Promise<void> {
  try {
    await streams.info(config.name);
  } catch (error) {
    if (codeOf(error) !== STREAM_NOT_FOUND) throw error;
    await streams.add(config);
  }
}

function configOf({ replicas, storage }: NodeContext, { stream, prefix, maxPerSubject = -1, maxBytes, maxAge }: SubjectStreamOptions) {
  return {
    name: stream,
    subjects: [`${prefix}*`],
    storage,
    num_replicas: replicas,
    max_msgs_per_subject: maxPerSubject,
    max_bytes: Number.isFinite(maxBytes) ? maxBytes : -1,
    max_age: Number.isFinite(maxAge) ? Math.round(maxAge * 1e6) : 0,
    discard: 'new' as const,
  };
}
