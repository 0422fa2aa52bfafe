import { noop } from 'rxjs';
import { OverflowError } from '../errors.js';
import { createRing } from '../internal/ring.js';
import { createSemaphore } from '../internal/semaphore.js';
import type { MessageRange } from './natsStream.js';
import type { MessageQuery, NatsStream } from './natsStream.js';
import { entryOf, type StreamEntry } from './streamEntry.js';

export type EntryReader = ReturnType<typeof createEntryReader>;

interface EntryRange extends Omit<MessageRange, 'headersOnly'> {
  /**
   * The maximum size of the entries that are read at once, in bytes; a larger single one is read.
   * @default 4_194_304: 4 MiB
   */
  readonly maxBytes?: number;
}

type EntryTest = (entry: StreamEntry) => boolean;

/** The number of entries that are read one by one: more of them are worth a consumer. */
const SINGLE = 8;
const MAX_BYTES = 4_194_304;

/**
 * Reads entries of a channel. The leader of the stream answers the reads of single entries. Many
 * entries are read with a consumer, which may belong to a replica that lags behind; so each read of
 * many is checked against the single ones.
 */
export function createEntryReader(stream: NatsStream) {
  const get = async (query: MessageQuery): Promise<StreamEntry | undefined> => {
    const message = await stream.get(query);
    return message && entryOf(message);
  };
  /** Returns the first entry of a subject from a sequence number on. */
  const next = (subject: string, from: number): Promise<StreamEntry | undefined> => get({ seq: from, next_by_subj: subject });
  /** Returns the entry of that number if it belongs to the subject. */
  const at = async (subject: string, seq: number): Promise<StreamEntry | undefined> => {
    const entry = await get({ seq });
    return entry?.subject === subject ? entry : undefined;
  };
  const fetchEntries = (range: EntryRange, take: (entry: StreamEntry) => boolean): Promise<void> =>
    stream.fetch(range, (message) => take(entryOf(message)));

  return {
    latest: (subject: string) => get({ last_by_subj: subject }),
    next,
    /**
     * Returns the first entries of a range, in order: until `isEnough` returns true for the latest
     * one.
     */
    async forwards({ subject, from, until, maxBytes = MAX_BYTES }: EntryRange, isEnough: EntryTest): Promise<readonly StreamEntry[]> {
      const found = createPart(isEnough, Infinity, maxBytes);
      const place = (): number => (found.last()?.seq ?? from - 1) + 1;
      while (!found.isFull() && place() <= until) {
        for (let count = 0; count < SINGLE && !found.isFull() && place() <= until; count++) {
          const entry = await next(subject, place());
          if (!entry || entry.seq > until) return found.entries;
          found.add(entry);
        }
        if (!found.isFull() && place() <= until) await fetchEntries({ subject, from: place(), until }, found.add);
      }
      return found.entries;
    },
    /**
     * Returns the last entries of a range, in order: from the first one for which `isEnough`
     * returns true. At most `limit` of them.
     */
    async backwards(range: EntryRange, limit: number, isEnough: EntryTest): Promise<readonly StreamEntry[]> {
      const { subject, from, until, maxBytes = MAX_BYTES } = range;
      /** The latest first. */
      const found = createPart(isEnough, limit, maxBytes);
      let place: number | undefined = until;
      for (;;) {
        for (let count = 0; count < SINGLE && place !== undefined; count++) {
          if (found.isFull() || place < from) return found.entries.reverse();
          const entry: StreamEntry | undefined = await at(subject, place);
          // An earlier entry is removed first. Another place than that of an entry says nothing.
          if (!entry && found.last()) return found.entries.reverse();
          if (entry) found.add(entry);
          place = entry?.previous;
        }
        if (found.isFull() || (place !== undefined && place < from)) return found.entries.reverse();
        const kept = createRing<StreamEntry>();
        let bytes = 0;
        await fetchEntries({ subject, from, until: place ?? (found.last()?.seq ?? until + 1) - 1 }, (entry) => {
          kept.push(entry);
          bytes += entry.data.length;
          while (kept.size > limit || (bytes > maxBytes && kept.size > 1)) bytes -= kept.shift()?.data.length ?? 0;
          return false;
        });
        const entries = [...kept.values()].reverse();
        // A replica that lags behind does not have the last ones.
        if (place !== undefined && entries[0]?.seq !== place) continue;
        entries.some(found.add);
        return found.entries.reverse();
      }
    },
  };
}

function createPart(isEnough: EntryTest, limit: number, maxBytes: number) {
  const entries: StreamEntry[] = [];
  let [bytes, isFull] = [0, false];
  return {
    entries,
    last: () => entries.at(-1),
    isFull: () => isFull,
    /** Returns whether no more entries are needed. */
    add: (entry: StreamEntry): boolean => {
      entries.push(entry);
      bytes += entry.data.length;
      isFull = isEnough(entry) || bytes >= maxBytes || entries.length >= limit;
      return isFull;
    },
  };
}

/**
 * Runs work by key with limited concurrency. A caller whose key is already waiting gets the same
 * result. Work that has started is not shared, because it may have read too early.
 */
export function createSharedReads<T>(concurrency: number, maxWaiting: number): (key: string, work: () => Promise<T>) => Promise<T> {
  const waiting = new Map<string, Promise<T>>();
  const enter = createSemaphore(concurrency);
  return (key, work) => {
    const pending = waiting.get(key);
    if (pending) return pending;
    if (waiting.size >= maxWaiting) throw new OverflowError('nats', maxWaiting);
    let leave = noop;
    const entered = new Promise<void>((resolve) => (leave = enter(resolve)));
    const start = (): Promise<T> => {
      waiting.delete(key);
      return work();
    };
    const result = entered.then(start).finally(() => leave());
    waiting.set(key, result);
    return result;
  };
}
