import { nanoid } from 'nanoid';
import { StoreError } from '../../message/errors.js';
import type { Retrying } from './natsContext.js';
import type { NatsStream } from './natsStream.js';

export interface SubjectEntry {
  readonly seq: number;
  readonly data: Uint8Array;
}

export interface SubjectStream extends Pick<NatsStream, 'append' | 'purge'> {
  readonly get: (query: Parameters<NatsStream['get']>[0]) => Promise<SubjectEntry | undefined>;
}

export type SubjectStore = ReturnType<typeof createSubjectStore>;

/** The maximum number of requests that remove entries at once: they are slow. */
const MAX_TRIMS = 4;

/**
 * A stream in which one owner at a time appends to each subject: an append names the entry that it
 * follows.
 *
 * @param prefix Each subject begins with this text, behind which is one token.
 * @param makeRoom Removes entries of a full stream. Resolves with whether there is room.
 * @default a full stream stays full
 */
export function createSubjectStore(stream: SubjectStream, { retry }: Retrying, prefix: string, makeRoom?: () => Promise<boolean>) {
  let trims = 0;
  return {
    /** Whether a full stream removes entries that count. */
    evicts: makeRoom !== undefined,
    last: (name: string) => retry(() => stream.get({ last_by_subj: prefix + name })),
    /** Returns the first entry of a subject from a sequence number on. */
    next: (name: string, seq: number) => retry(() => stream.get({ seq, next_by_subj: prefix + name })),
    /**
     * Stores an entry directly behind the one with the sequence number `behind`; 0 for the first of
     * the subject. Returns its sequence number, or `undefined` if another entry is there. The data
     * must differ from those of all other appends: an append whose answer was lost is recognized by
     * them.
     *
     * @param group Whom the entry counts for when the stream is full. @default ''
     */
    async append(name: string, data: Uint8Array, behind: number, group = ''): Promise<number | undefined> {
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
    /** Removes the entries in front of a sequence number, later. It may remove nothing. */
    trim(name: string, seq: number): void {
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
