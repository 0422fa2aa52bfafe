import type { ConsumerInfo } from '@nats-io/jetstream';
import { firstValueFrom, timer } from 'rxjs';
import { createRing } from '../internal/ring.js';
import type { NatsContext } from './natsContext.js';
import { entryOf, type StreamEntry } from './streamEntry.js';

/**
 * Reads entries of a channel. The leader of the stream answers the reads of single entries. Many
 * entries are read with a consumer, which may belong to a replica that lags behind; so each read of
 * many is checked against the single ones.
 */
export interface EntryReader {
  /** Returns the last entry of a subject. */
  readonly latest: (subject: string) => Promise<StreamEntry | undefined>;
  /** Returns the first entry of a subject from a sequence number on. */
  readonly next: (subject: string, from: number) => Promise<StreamEntry | undefined>;
  /**
   * Returns the first entries of a range, in order: until `isEnough` returns true for the latest
   * one.
   */
  readonly forwards: (range: EntryRange, isEnough: (entry: StreamEntry) => boolean) => Promise<readonly StreamEntry[]>;
  /**
   * Returns the last entries of a range, in order: from the first one for which `isEnough` returns
   * true. At most `limit` of them.
   */
  readonly backwards: (range: EntryRange, limit: number, isEnough: (entry: StreamEntry) => boolean) => Promise<readonly StreamEntry[]>;
}

export interface EntryRange {
  readonly subject: string;
  /** The sequence numbers to read from and to, both inclusive. */
  readonly from: number;
  readonly until: number;
  /**
   * The maximum size of the entries that are read at once, in bytes; a larger single one is read.
   * @default 4_194_304: 4 MiB
   */
  readonly maxBytes?: number;
}

/** The number of entries that are read one by one: more of them are worth a consumer. */
const SINGLE = 8;
const MAX_BYTES = 4_194_304;

export function createEntryReader(context: NatsContext): EntryReader {
  const { manager, stream } = context;
  const get = async (query: { readonly seq: number; readonly next_by_subj?: string } | { readonly last_by_subj: string }) => {
    const message = await (await manager()).streams.getMessage(stream, query);
    return message ? entryOf(message) : undefined;
  };
  const next = (subject: string, from: number): Promise<StreamEntry | undefined> => get({ seq: from, next_by_subj: subject });
  /** Returns the entry of that number if it belongs to the subject. */
  const at = async (subject: string, seq: number): Promise<StreamEntry | undefined> => {
    const entry = await get({ seq });
    return entry?.subject === subject ? entry : undefined;
  };

  return {
    latest: (subject) => get({ last_by_subj: subject }),
    next,
    async forwards({ subject, from, until, maxBytes = MAX_BYTES }, isEnough) {
      const found = createPart(isEnough, Infinity, maxBytes);
      const place = (): number => (found.last()?.seq ?? from - 1) + 1;
      while (!found.isFull() && place() <= until) {
        for (let count = 0; count < SINGLE && !found.isFull() && place() <= until; count++) {
          const entry = await next(subject, place());
          if (!entry || entry.seq > until) return found.entries;
          found.add(entry);
        }
        if (!found.isFull() && place() <= until) await fetchEntries(context, { subject, from: place(), until }, found.add);
      }
      return found.entries;
    },
    async backwards({ subject, from, until, maxBytes = MAX_BYTES }, limit, isEnough) {
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
        await fetchEntries(context, { subject, from, until: place ?? (found.last()?.seq ?? until + 1) - 1 }, (entry) => {
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

/** Collects entries until they are enough. */
function createPart(isEnough: (entry: StreamEntry) => boolean, limit: number, maxBytes: number) {
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

/** The time to wait, in ms, for messages that were removed after they were counted. */
const EXPIRES = 1_000;
/** The number of entries that are requested at once. */
const PAGE = 64;
/**
 * The attempts to read from a new consumer, and the pause between them in ms: on a cluster, it is
 * not known everywhere at once.
 */
const FETCH_ATTEMPTS = 5;
const FETCH_PAUSE = 20;

/**
 * Reads the entries of a range with a consumer, as far as it has them, until `take` returns true.
 *
 * @throws {Error} Delivered, if some were lost on their way. The consumer does not send an entry
 *   again, and the client of NATS continues behind the lost ones when it has reconnected.
 */
async function fetchEntries(
  context: NatsContext,
  { subject, from, until }: EntryRange,
  take: (entry: StreamEntry) => boolean,
): Promise<void> {
  const info = await addConsumer(context, subject, from);
  const consumer = context.client.consumers.getConsumerFromInfo(info);
  let [left, attempts, delivered] = [info.num_pending, 0, 0];
  try {
    while (left > 0) {
      let count = 0;
      try {
        for await (const message of await consumer.fetch({ max_messages: Math.min(left, PAGE), expires: EXPIRES })) {
          count++;
          if (message.info.deliverySequence !== ++delivered) throw new Error('entries were lost on their way from NATS');
          left = message.seq >= until ? 0 : message.info.pending;
          if (message.seq <= until && take(entryOf(message))) return;
        }
      } catch (error) {
        if (count > 0 || ++attempts === FETCH_ATTEMPTS) throw error;
        await firstValueFrom(timer(FETCH_PAUSE, context.scheduler));
        continue;
      }
      if (count === 0) return;
    }
  } finally {
    removeConsumer(context, info);
  }
}

/** Creates a consumer of a subject. NATS removes it when it is no longer used. */
async function addConsumer({ manager, stream }: NatsContext, subject: string, from: number): Promise<ConsumerInfo> {
  return (await manager()).consumers.add(stream, {
    ack_policy: 'none',
    deliver_policy: 'by_start_sequence',
    replay_policy: 'instant',
    opt_start_seq: Math.max(1, from),
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: 30e9,
    filter_subject: subject,
  });
}

function removeConsumer({ manager, stream }: NatsContext, { name }: ConsumerInfo): void {
  manager()
    .then(({ consumers }) => consumers.delete(stream, name))
    .catch(() => undefined);
}
