import { noop } from 'rxjs';
import { OverflowError } from '../../message/errors.js';
import { createRing } from '../../operators/buffers/ring.js';
import { createSemaphore } from '../../server/accept/semaphore.js';
import type { MessageRange, MessageQuery, NatsStream } from './natsStream.js';
import { entryOf, type StreamEntry } from './streamEntry.js';

type EntryRange = Omit<MessageRange, 'headersOnly'>;

/** The number of entries that are read one by one: more of them are worth a consumer. */
const SINGLE = 8;

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
  const at = async (subject: string, seq: number): Promise<StreamEntry | undefined> => {
    const entry = await get({ seq });
    return entry?.subject === subject ? entry : undefined;
  };
  /** Returns the last entries of a range that a consumer has, in order. */
  const lastOf = async (range: EntryRange, limit: number, maxBytes: number): Promise<readonly StreamEntry[]> => {
    const kept = createRing<StreamEntry>();
    let bytes = 0;
    for await (const message of stream.fetch(range)) {
      const entry = entryOf(message);
      kept.push(entry);
      bytes += entry.data.length;
      while (kept.size > limit || (bytes > maxBytes && kept.size > 1)) bytes -= kept.shift()?.data.length ?? 0;
    }
    return [...kept.values()];
  };

  return {
    latest: (subject: string) => get({ last_by_subj: subject }),
    next,
    async *forwards({ subject, from, until }: EntryRange): AsyncGenerator<StreamEntry> {
      for (let place = from; place <= until;) {
        for (let count = 0; count < SINGLE && place <= until; count++) {
          const entry = await next(subject, place);
          if (!entry || entry.seq > until) return;
          place = entry.seq + 1;
          yield entry;
        }
        if (place > until) return;
        for await (const message of stream.fetch({ subject, from: place, until })) {
          place = message.seq + 1;
          yield entryOf(message);
        }
      }
    },
    /** The latest entry is the first: `limit` of them or more, unless they have `maxBytes`. */
    async *backwards({ subject, from, until }: EntryRange, limit: number, maxBytes: number): AsyncGenerator<StreamEntry> {
      let last: StreamEntry | undefined;
      let place: number | undefined = until;
      for (;;) {
        for (let count = 0; count < SINGLE && place !== undefined; count++) {
          if (place < from) return;
          const entry: StreamEntry | undefined = await at(subject, place);
          // An earlier entry is removed first. Another place than that of an entry says nothing.
          if (!entry && last) return;
          if (entry) yield (last = entry);
          place = entry?.previous;
        }
        if (place !== undefined && place < from) return;
        const entries = await lastOf({ subject, from, until: place ?? (last?.seq ?? until + 1) - 1 }, limit, maxBytes);
        // A replica that lags behind does not have the last ones.
        if (place !== undefined && entries.at(-1)?.seq !== place) continue;
        yield* [...entries].reverse();
        return;
      }
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
