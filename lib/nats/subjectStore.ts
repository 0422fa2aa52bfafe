import { nanoid } from 'nanoid';
import { StoreError } from '../errors.js';
import type { Retrying } from './natsContext.js';
import type { NatsStream } from './natsStream.js';

/** An entry of a subject. */
export interface SubjectEntry {
  /** Its sequence number in the stream. */
  readonly seq: number;
  readonly data: Uint8Array;
}

/** The part of a stream that a store uses. */
export interface SubjectStream extends Pick<NatsStream, 'append' | 'purge'> {
  readonly get: (query: Parameters<NatsStream['get']>[0]) => Promise<SubjectEntry | undefined>;
}

/**
 * A stream in which one owner at a time appends to each subject: an append names the entry that it
 * follows.
 */
export interface SubjectStore {
  /** Whether a full stream removes entries that count. */
  readonly evicts: boolean;
  /** Returns the latest entry of a subject. */
  last(name: string): Promise<SubjectEntry | undefined>;
  /** Returns the first entry of a subject from a sequence number on. */
  next(name: string, seq: number): Promise<SubjectEntry | undefined>;
  /**
   * Stores an entry directly behind the one with the sequence number `behind`; 0 for the first of
   * the subject. Returns its sequence number, or `undefined` if another entry is there. The data
   * must differ from those of all other appends: an append whose answer was lost is recognized by
   * them.
   *
   * @param group Whom the entry counts for when the stream is full. @default ''
   */
  append(name: string, data: Uint8Array, behind: number, group?: string): Promise<number | undefined>;
  /**
   * Removes the entries of a subject in front of a sequence number, later. It may remove nothing.
   */
  trim(name: string, seq: number): void;
}

export interface SubjectStoreOptions {
  /** Each subject begins with this text, behind which is one token. */
  readonly prefix: string;
  /**
   * Removes entries of a full stream. Resolves with whether there is room.
   * @default it stays full
   */
  readonly makeRoom?: () => Promise<boolean>;
}

/** The maximum number of requests that remove entries at once: they are slow. */
const MAX_TRIMS = 4;

export function createSubjectStore(stream: SubjectStream, { retry }: Retrying, { prefix, makeRoom }: SubjectStoreOptions): SubjectStore {
  let trims = 0;
  const next: SubjectStore['next'] = (name, seq) => retry(() => stream.get({ seq, next_by_subj: prefix + name }));
  return {
    evicts: makeRoom !== undefined,
    last: (name) => retry(() => stream.get({ last_by_subj: prefix + name })),
    next,
    async append(name, data, behind, group = '') {
      const tryAppend = async (timeout: number): Promise<number | undefined> => {
        // The id carries the group: the other headers would need another package.
        const stored = await stream.append({ subject: prefix + name, data, behind, id: `${nanoid()} ${group}` }, timeout);
        if (stored !== undefined) return stored;
        // Others may have followed an earlier attempt whose answer was lost.
        const there = await stream.get({ seq: behind + 1, next_by_subj: prefix + name });
        // A leader answers so, too, while it stores an earlier attempt, or has not read all that it
        // has.
        if (!there) throw new Error('another append is in progress');
        return Buffer.compare(there.data, data) === 0 ? there.seq : undefined;
      };
      try {
        return await retry(tryAppend);
      } catch (error) {
        if (!(error instanceof StoreError && error.fault === 'quota') || !(await makeRoom?.())) throw error;
        return retry(tryAppend);
      }
    },
    trim(name, seq) {
      // Nothing is in front of the first entry; and NATS takes a purge up to it for one of the
      // whole subject.
      if (trims === MAX_TRIMS || seq <= 1) return;
      trims++;
      const end = (): void => {
        trims--;
      };
      stream.purge({ filter: prefix + name, seq }).then(end, end);
    },
  };
}

/**
 * Returns a name as one token of a subject: other characters than letters, digits, `_` and `-` are
 * replaced by their codes.
 */
export function tokenOf(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/gu, (character) => `=${(character.codePointAt(0) as number).toString(16)}=`);
}
