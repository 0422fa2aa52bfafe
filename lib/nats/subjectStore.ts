import { StoreError } from '../errors.js';
import { retrying, type RetryContext } from './retrying.js';
import type { SubjectEntry, SubjectStream } from './subjectStream.js';

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

/** The maximum number of requests that remove entries at once: they are slow. */
const MAX_TRIMS = 4;

/**
 * @param makeRoom Removes entries of a full stream. Resolves with whether there is room.
 * @default a full stream stays full
 */
export function createSubjectStore(stream: SubjectStream, context: RetryContext, makeRoom?: () => Promise<boolean>): SubjectStore {
  let trims = 0;
  const run = <T>(request: (timeout: number) => Promise<T>): Promise<T> => retrying(context, request);

  /** Appends an entry in one attempt. Returns `undefined` if another entry is there. */
  const tryAppend: SubjectStream['append'] = async (name, data, behind, timeout, group) => {
    const stored = await stream.append(name, data, behind, timeout, group);
    if (stored !== undefined) return stored;
    // Others may have followed an earlier attempt whose answer was lost.
    const there = await stream.read(name, behind + 1);
    // A leader answers so, too, while it stores an earlier attempt, or has not read all that it
    // has.
    if (!there) throw new Error('another append is in progress');
    return Buffer.compare(there.data, data) === 0 ? there.seq : undefined;
  };

  return {
    evicts: makeRoom !== undefined,
    last: (name) => run(() => stream.read(name)),
    next: (name, seq) => run(() => stream.read(name, seq)),
    async append(name, data, behind, group) {
      const append = (): Promise<number | undefined> => run((timeout) => tryAppend(name, data, behind, timeout, group));
      try {
        return await append();
      } catch (error) {
        if (!isQuota(error) || !(await makeRoom?.())) throw error;
        return append();
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
      stream.purge(name, seq).then(end, end);
    },
  };
}

const isQuota = (error: unknown): boolean => error instanceof StoreError && error.fault === 'quota';

/**
 * Returns a name as one token of a subject: other characters than letters, digits, `_` and `-` are
 * replaced by their codes.
 */
export function tokenOf(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/gu, (character) => `=${(character.codePointAt(0) as number).toString(16)}=`);
}
