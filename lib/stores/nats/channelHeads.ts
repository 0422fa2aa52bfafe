import { repeatKeyOf } from '../../channels/publisherMark.js';
import { createRecentOffsets, type RecentOffsets } from '../../channels/recentOffsets.js';
import type { Message } from '../../message/types.js';
import { endOf, type LogContext } from './logContext.js';
import { createSharedReads } from './entryReader.js';
import { offsetOf, type StreamEntry } from './streamEntry.js';

/** A channel as this server knows it: all entries up to `seq` are accounted for. */
export interface ChannelHead {
  readonly epoch: string;
  /** The sequence number of the last entry; 0 if there is none. */
  readonly seq: number;
  /** The sequence number of the last entry, also if it is removed; 0 if none is known. */
  readonly previous: number;
  readonly end: Message | undefined;
  readonly ids: RecentOffsets;
}

export type ChannelHeads = ReturnType<typeof createChannelHeads>;

interface LoadedHead {
  readonly head: ChannelHead;
  /** The offsets of the messages that were read, by their ids. */
  readonly read: ReadonlyMap<string, number>;
}

/** The maximum number of channels. Another one costs a read of its recent messages. */
const MAX_CHANNELS = 10_000;
/** The maximum number of ids, of all channels; of one channel, at least the second number. */
const MAX_IDS = 524_288;
const MIN_IDS = 64;
/** The limits of what is read when a channel becomes known: entries, bytes. */
const MAX_ENTRIES = 1_000;
const MAX_BYTES = 16_777_216;
const MAX_READS = 32;

/**
 * The heads of the channels to which this server appends. Another server may have appended since:
 * JetStream stores an entry only directly behind the head.
 */
export function createChannelHeads(log: LogContext) {
  const { reader, epochs, dedupeWindow, decode, maxPending, scheduler } = log;
  const known = new Map<string, ChannelHead>();
  const loads = createSharedReads<LoadedHead>(MAX_READS, maxPending + MAX_READS);
  const limit = (): number => Math.max(MIN_IDS, Math.ceil(MAX_IDS / 2 / Math.max(1, known.size)));
  const set = (subject: string, head: ChannelHead): ChannelHead => {
    known.delete(subject);
    known.set(subject, head);
    const [oldest] = known.size > MAX_CHANNELS ? known.keys() : [];
    if (oldest !== undefined) known.delete(oldest);
    epochs.observe(head.seq, head.epoch);
    return head;
  };
  const offsetsOf = (seq: number, messages: readonly Message[]) =>
    messages.map((message, index) => [repeatKeyOf(message), offsetOf(seq, index)] as const);

  const load = async (subject: string): Promise<LoadedHead> => {
    const before = known.get(subject);
    const [streamEpoch, found] = await Promise.all([epochs.current(), reader.latest(subject)]);
    // The channel has lost entries. It was emptied, or the stream has lost its end.
    const isShort = before !== undefined && (found?.seq ?? 0) < before.seq;
    const { epoch, since } = isShort ? await epochs.verify() : streamEpoch;
    // The entry that was found may be one of a stream that has been deleted since.
    const latest = isShort ? await reader.latest(subject) : found;
    const isKnown = before?.epoch === epoch;
    const ids = isKnown ? before.ids : createRecentOffsets(dedupeWindow, limit, () => scheduler.now());
    // A message of an earlier epoch ends nothing.
    const isThere = latest !== undefined && latest.seq > since;
    const end = isThere ? endOf(decode(latest.data)) : undefined;
    const seq = latest?.seq ?? 0;
    const head: ChannelHead = { epoch, seq, previous: Math.max(isThere ? seq : 0, isKnown ? before.previous : 0), end, ids };
    const setRead = (): ChannelHead => {
      const now = known.get(subject);
      // A tail has reported more entries meanwhile.
      return now && now !== before && now.epoch === epoch && now.seq > seq ? now : set(subject, head);
    };
    if (!isThere || (isKnown && before.seq >= latest.seq)) return { head: setRead(), read: new Map() };
    const range = { subject, until: latest.seq };
    const entries: StreamEntry[] = [];
    if (isKnown) for await (const entry of reader.forwards({ ...range, from: before.seq + 1 })) entries.push(entry);
    else {
      let bytes = 0;
      for await (const entry of reader.backwards({ ...range, from: since + 1 }, MAX_ENTRIES, MAX_BYTES)) {
        bytes += entry.data.length;
        if (entries.push(entry) === MAX_ENTRIES || bytes >= MAX_BYTES || entry.at < latest.at - dedupeWindow) break;
      }
      entries.reverse();
    }
    const read = new Map(entries.flatMap((entry) => offsetsOf(entry.seq, decode(entry.data))));
    for (const [id, offset] of read) ids.add(id, offset);
    return { head: setRead(), read };
  };

  return {
    get: (subject: string) => known.get(subject),
    /** Reads what was appended to a channel since it was known; first, its recent messages. */
    load: (subject: string): Promise<LoadedHead> => loads(subject, () => load(subject)),
    /** Reports an entry of any server. Does nothing if it does not follow the known head. */
    observe({ subject, seq, previous }: Pick<StreamEntry, 'subject' | 'seq' | 'previous'>, messages: readonly Message[]): void {
      const head = known.get(subject);
      if (!head || previous !== head.previous || seq <= head.seq) return;
      for (const [id, offset] of offsetsOf(seq, messages)) head.ids.add(id, offset);
      set(subject, { ...head, seq, previous: seq, end: endOf(messages) });
    },
  };
}
