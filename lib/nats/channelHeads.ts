import { firstValueFrom } from 'rxjs';
import { repeatKeyOf } from '../app/hub/publisherMark.js';
import { createRecentOffsets, type RecentOffsets } from '../internal/recentOffsets.js';
import type { Message } from '../message/types.js';
import type { EntryReader } from './entryReader.js';
import { endOf, type LogContext } from './logContext.js';
import { createSharedReads } from './sharedReads.js';
import { offsetOf, type StreamEntry } from './streamEntry.js';

/**
 * A channel to which this server appends, as the server knows it: all entries up to `seq` are
 * accounted for.
 */
export interface ChannelHead {
  readonly epoch: string;
  /** The sequence number of the last entry; 0 if there is none. */
  readonly seq: number;
  /** The sequence number of the last entry, also if it is removed; 0 if none is known. */
  readonly previous: number;
  /** The last message, if it has ended the channel. */
  readonly end: Message | undefined;
  /** The offsets of the recent messages. */
  readonly ids: RecentOffsets;
}

export interface LoadedHead {
  readonly head: ChannelHead;
  /** The messages that were read. */
  readonly read: readonly { readonly id: string; readonly offset: number }[];
}

/**
 * The heads of the channels to which this server appends. Another server may have appended since:
 * JetStream stores an entry only directly behind the head.
 */
export interface ChannelHeads {
  readonly get: (subject: string) => ChannelHead | undefined;
  /**
   * Reads from the leader of the stream what was appended to a channel since it was known; at
   * first, its recent messages.
   */
  readonly load: (subject: string) => Promise<LoadedHead>;
  /** Reports an entry of any server. Does nothing if it does not directly follow the known head. */
  readonly observe: (entry: Pick<StreamEntry, 'subject' | 'seq' | 'previous'>, messages: readonly Message[]) => void;
}

/** The maximum number of channels. Another one costs a read of its recent messages. */
const MAX_CHANNELS = 10_000;
/** The maximum number of ids, of all channels; of one channel, at least the second number. */
const MAX_IDS = 524_288;
const MIN_IDS = 64;
/**
 * The maximum number of entries that are read when a channel becomes known, and their size in
 * bytes.
 */
const MAX_ENTRIES = 1_000;
const MAX_BYTES = 16_777_216;
/** The maximum number of channels that are read at once. */
const MAX_READS = 32;

export function createChannelHeads(log: LogContext): ChannelHeads {
  const { reader, epochs, dedupeWindow, decodeQuietly, maxPending, scheduler } = log;
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
  const add = (head: ChannelHead, { seq }: Pick<StreamEntry, 'seq'>, messages: readonly Message[]): LoadedHead['read'] =>
    messages.map((message, index) => {
      const [id, offset] = [repeatKeyOf(message), offsetOf(seq, index)];
      head.ids.add(id, offset);
      return { id, offset };
    });

  const load = async (subject: string): Promise<LoadedHead> => {
    const before = known.get(subject);
    const [streamEpoch, found] = await Promise.all([epochs.current(), reader.latest(subject)]);
    // The channel has lost entries. It was emptied, or the stream has lost its end.
    const isShort = before !== undefined && (found?.seq ?? 0) < before.seq;
    const { epoch, since } = isShort ? await epochs.verify() : streamEpoch;
    // The entry that was found may be one of a stream that has been deleted since.
    const latest = isShort ? await reader.latest(subject) : found;
    const isKnown = before?.epoch === epoch;
    const ids = isKnown ? before.ids : createRecentOffsets(dedupeWindow, limit, scheduler);
    // A message of an earlier epoch ends nothing.
    const isThere = latest !== undefined && latest.seq > since;
    const end = isThere ? endOf(decodeQuietly(latest.data)) : undefined;
    const seq = latest?.seq ?? 0;
    const head: ChannelHead = { epoch, seq, previous: Math.max(isThere ? seq : 0, isKnown ? before.previous : 0), end, ids };
    const setRead = (): ChannelHead => {
      const now = known.get(subject);
      // A tail has reported more entries meanwhile.
      return now && now !== before && now.epoch === epoch && now.seq > seq ? now : set(subject, head);
    };
    if (!isThere || (isKnown && before.seq >= latest.seq)) return { head: setRead(), read: [] };
    const range = { subject, from: isKnown ? before.seq + 1 : since + 1, until: latest.seq, maxBytes: MAX_BYTES };
    const entries = isKnown
      ? await readAll(reader, range)
      : await reader.backwards(range, MAX_ENTRIES, ({ at }) => at < latest.at - dedupeWindow);
    const read = entries.flatMap((entry) => add(head, entry, decodeQuietly(entry.data)));
    return { head: setRead(), read };
  };

  return {
    get: (subject) => known.get(subject),
    load: (subject) => firstValueFrom(loads(subject, () => load(subject))),
    observe(entry, messages) {
      const head = known.get(entry.subject);
      if (!head || entry.previous !== head.previous || entry.seq <= head.seq) return;
      add(head, entry, messages);
      set(entry.subject, { ...head, seq: entry.seq, previous: entry.seq, end: endOf(messages) });
    },
  };
}

/** Reads all entries of a range, which may take several parts. */
async function readAll(reader: EntryReader, { from, ...range }: Parameters<EntryReader['forwards']>[0]): Promise<readonly StreamEntry[]> {
  const found: StreamEntry[] = [];
  for (let place = from; place <= range.until;) {
    const entries = await reader.forwards({ ...range, from: place }, () => false);
    found.push(...entries);
    const last = entries.at(-1);
    if (!last) break;
    place = last.seq + 1;
  }
  return found;
}
