import { jetstream, jetstreamManager, type JetStreamManager, type StreamConfig } from '@nats-io/jetstream';
import { StoreError } from '../errors.js';
import { codeOf, STREAM_NOT_FOUND, WRONG_LAST_SEQUENCE, WRONG_LAST_SEQUENCE_IN_FLIGHT } from './natsFaults.js';
import type { NodeContext } from './nodeContext.js';
import { ATTEMPT, patiently } from './patiently.js';

/** An entry of a subject. */
export interface SubjectEntry {
  /** Its sequence number in the stream. */
  readonly seq: number;
  readonly data: Uint8Array;
}

export interface SubjectStoreOptions {
  /** The name of the stream. */
  readonly stream: string;
  /** Each subject begins with this text, behind which is one token. */
  readonly prefix: string;
  /** The maximum number of entries of a subject; the oldest are removed. @default no limit */
  readonly maxPerSubject?: number;
  /** The maximum size of all entries, in bytes. Above it, an append fails with `quota`. */
  readonly maxBytes: number;
  /** The time after which an entry is removed, in ms. */
  readonly maxAge: number;
}

/** A stream in which one owner at a time appends to each subject: an append names the entry that it follows. */
export interface SubjectStore {
  /** Returns the latest entry of a subject, as the leader of the stream knows it. */
  last(name: string): Promise<SubjectEntry | undefined>;
  /** Returns the first entry of a subject from a sequence number on. */
  next(name: string, seq: number): Promise<SubjectEntry | undefined>;
  /**
   * Stores an entry directly behind the one with the sequence number `behind`; 0 for the first of the subject. Returns its sequence number, or `undefined` if another entry is there. The
   * data must differ from those of all other appends: an append whose answer was lost is recognized by them.
   */
  append(name: string, data: Uint8Array, behind: number): Promise<number | undefined>;
  /** Removes the entries of a subject in front of a sequence number, later. It may remove nothing. */
  trim(name: string, seq: number): void;
}

/** The code of JetStream for a stream that is full. */
const STREAM_FULL = 10077;
/** The maximum number of requests that remove entries at once: they are slow. */
const MAX_TRIMS = 4;

export function createSubjectStore(context: NodeContext, options: SubjectStoreOptions): SubjectStore {
  const { connection } = context;
  const { stream, prefix } = options;
  const client = jetstream(connection, { timeout: ATTEMPT });
  const openManager = (): Promise<JetStreamManager> => jetstreamManager(connection, { checkAPI: false, timeout: ATTEMPT });
  let manager = openManager();
  let opening: Promise<void> | undefined;
  let trims = 0;

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
  const run = <T>(request: (timeout: number) => Promise<T>): Promise<T> =>
    patiently(context, async (limit) => {
      await opened();
      try {
        return await request(limit);
      } catch (error) {
        if (codeOf(error) !== STREAM_NOT_FOUND) throw error;
        opening = undefined;
        throw new Error('the stream does not exist', { cause: error });
      }
    });
  const read = async (query: { readonly last_by_subj: string } | { readonly seq: number; readonly next_by_subj: string }) => {
    // The leader answers this request; a replica might lag behind.
    const found = await (await manager).streams.getMessage(stream, query);
    return found ? { seq: found.seq, data: found.data } : undefined;
  };
  const last = (name: string): Promise<SubjectEntry | undefined> => run(() => read({ last_by_subj: prefix + name }));

  return {
    last,
    next: (name, seq) => run(() => read({ seq, next_by_subj: prefix + name })),
    append: (name, data, behind) =>
      run(async (limit) => {
        try {
          return (await client.publish(prefix + name, data, { timeout: limit, expect: { lastSubjectSequence: behind } })).seq;
        } catch (error) {
          const code = codeOf(error);
          if (code === STREAM_FULL) throw new StoreError('nats', 'quota', error);
          // An append to the subject is in progress, perhaps an earlier attempt of this one.
          if (code === WRONG_LAST_SEQUENCE_IN_FLIGHT) throw new Error('another append is in progress', { cause: error });
          if (code !== WRONG_LAST_SEQUENCE) throw error;
          // Others may have followed an earlier attempt whose answer was lost.
          const there = await read({ seq: behind + 1, next_by_subj: prefix + name });
          return there && isSame(there.data, data) ? there.seq : undefined;
        }
      }),
    trim(name, seq) {
      if (trims === MAX_TRIMS) return;
      trims++;
      const end = (): void => {
        trims--;
      };
      manager.then(({ streams }) => streams.purge(stream, { filter: prefix + name, seq })).then(end, end);
    },
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

function configOf({ replicas, storage }: NodeContext, { stream, prefix, maxPerSubject = -1, maxBytes, maxAge }: SubjectStoreOptions) {
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

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** Returns a name as one token of a subject: other characters than letters, digits, `_` and `-` are replaced by their codes. */
export function tokenOf(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/gu, (character) => `=${(character.codePointAt(0) as number).toString(16)}=`);
}
