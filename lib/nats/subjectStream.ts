import { nanoid } from 'nanoid';
import type { NatsContext } from './natsContext.js';
import { createNatsStream, type StreamLimits } from './natsStream.js';

/** An entry of a subject. */
export interface SubjectEntry {
  /** Its sequence number in the stream. */
  readonly seq: number;
  readonly data: Uint8Array;
}

export interface SubjectStreamOptions extends StreamLimits {
  /** The name of the stream. Above its maximum size, an append fails. */
  readonly stream: string;
  /** Each subject begins with this text, behind which is one token. */
  readonly prefix: string;
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

export type SubjectStream = ReturnType<typeof createSubjectStream>;

/** The headers of JetStream with the id of a message, and with the size of its data. */
const ID = 'Nats-Msg-Id';
const SIZE = 'Nats-Msg-Size';

/**
 * A stream of JetStream with one subject for each name. Each request is one attempt, and fails with
 * the error of NATS.
 */
export function createSubjectStream(context: NatsContext, { stream: streamName, prefix, ...limits }: SubjectStreamOptions) {
  const stream = createNatsStream(context, { name: streamName, subjects: [`${prefix}*`], discard: 'new', ...limits });
  return {
    /**
     * Returns the latest entry of a subject, or the first one from a sequence number on, as the
     * leader of the stream knows it.
     */
    async read(name: string, from?: number): Promise<SubjectEntry | undefined> {
      const subject = prefix + name;
      const found = await stream.get(from === undefined ? { last_by_subj: subject } : { seq: from, next_by_subj: subject });
      return found && { seq: found.seq, data: found.data };
    },
    /**
     * Stores an entry if `behind` is the sequence number of the latest one. Returns its sequence
     * number; undefined if another entry is the latest one, or is being stored.
     *
     * @param group Whom the entry counts for. @default ''
     */
    append: (name: string, data: Uint8Array, behind: number, timeout: number, group = ''): Promise<number | undefined> =>
      // The id carries the group: the other headers would need another package.
      stream.append({ subject: prefix + name, data, behind, id: `${nanoid()} ${group}` }, timeout),
    /** Removes the entries of a subject in front of a sequence number. */
    purge: (name: string, seq: number): Promise<unknown> => stream.purge({ filter: prefix + name, seq }),
    /** Removes the entries of a subject in front of the latest one. */
    keepLatest: (name: string): Promise<unknown> => stream.purge({ filter: prefix + name, keep: 1 }),
    /** Reads the headers of all entries. */
    async usage(): Promise<StreamUsage> {
      const before = await stream.info();
      const subjects = new Map<string, SubjectUsage & { readonly last: number }>();
      const range = { subject: `${prefix}*`, from: 1, until: before.state.last_seq, headersOnly: true };
      await stream.fetch(range, ({ subject, headers, time }) => {
        const known = subjects.get(subject);
        subjects.set(subject, {
          name: subject.slice(prefix.length),
          group: /(?<= ).*/.exec(headers?.get(ID) ?? '')?.[0] ?? '',
          bytes: (known?.bytes ?? 0) + (known?.last ?? 0),
          at: time.getTime(),
          last: Number(headers?.get(SIZE) ?? 0),
        });
        return false;
      });
      // Another node may have made room meanwhile.
      const { state, config } = await stream.info();
      return { bytes: state.bytes, maxBytes: config.max_bytes, subjects: [...subjects.values()] };
    },
  };
}
