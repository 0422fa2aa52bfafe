import type { ChannelEntry, ChannelQuery, ChannelSlice } from '../app/hub/channelLog.js';
import { PAGE_BYTES } from '../app/hub/channelRange.js';
import { endOf, type LogContext } from './logContext.js';
import { lastOffsetOf, offsetOf, sequenceOf, type StreamEntry } from './streamEntry.js';
import type { StreamEpoch } from './streamEpochs.js';

/**
 * Reads a part of a channel's history from the stream.
 * @param onRead Called with the last entry of the channel, or with the end of the stream if the
 *   channel has none.
 */
export async function readHistory(
  log: LogContext,
  channel: string,
  query: ChannelQuery,
  onRead: (seq: number, isEmpty: boolean) => void,
): Promise<ChannelSlice> {
  const { stream, reader, epochs } = log;
  const subject = log.subjects.of(channel);
  const [streamEpoch, latest] = await Promise.all([epochs.current(), reader.latest(subject)]);
  const isThere = latest !== undefined && latest.seq > streamEpoch.since;
  const place = typeof query.after === 'object' ? query.after : query.before;
  if (isThere && (place?.offset ?? 0) <= lastOffsetOf(latest.seq)) {
    onRead(latest.seq, false);
    return readEntries(query, log, streamEpoch, latest, 0);
  }
  const { state } = await stream.info();
  // In this order: if the channel has no entry now, it had none up to that end of the stream.
  const later = await reader.latest(subject);
  if (later && later.seq > streamEpoch.since) {
    onRead(later.seq, false);
    return readEntries(query, log, streamEpoch, later, offsetOf(state.last_seq));
  }
  const reached = Math.max(state.last_seq, streamEpoch.since);
  onRead(reached, true);
  const { epoch } = streamEpoch;
  const isKnown = place?.epoch === epoch && place.offset <= lastOffsetOf(reached);
  // The entries before the first remaining one are unknown, so a reader from the start misses no
  // known entry.
  const isComplete = !place || (isKnown && state.first_seq <= sequenceOf(place.offset) + 1);
  return { epoch, last: offsetOf(reached), entries: [], isComplete };
}

interface HistoryState {
  readonly log: LogContext;
  readonly streamEpoch: StreamEpoch;
  /** The last entry of the channel, and the offset of its last message. */
  readonly latest: StreamEntry;
  readonly last: number;
  /** The highest offset that is known: positions of an empty channel are as high as the stream. */
  readonly highest: number;
}

async function readEntries(
  query: ChannelQuery,
  log: LogContext,
  streamEpoch: StreamEpoch,
  latest: StreamEntry,
  reached: number,
): Promise<ChannelSlice> {
  const messages = log.decodeQuietly(latest.data);
  const last = offsetOf(latest.seq, Math.max(0, messages.length - 1));
  const end = endOf(messages);
  const read = query.after === undefined ? readBackwards : readForwards;
  const slice = await read(query, { log, streamEpoch, latest, last, highest: Math.max(last, reached) });
  const { epoch } = streamEpoch;
  // Nothing is stored behind an end, so it is the last message.
  return { epoch, last, ...slice, ...(end && { end: { epoch, offset: last, message: end } }) };
}

type Part = Pick<ChannelSlice, 'entries' | 'isComplete'>;

async function readForwards({ after, limit, maxBytes = PAGE_BYTES }: ChannelQuery, state: HistoryState): Promise<Part> {
  const { log, latest, last, highest } = state;
  const { subject } = latest;
  const { epoch, since } = state.streamEpoch;
  const isKnown = after === 'start' || (after?.epoch === epoch && after.offset <= highest);
  const from = isKnown && typeof after === 'object' ? after.offset : lastOffsetOf(since);
  if (limit === 0 || last <= from) return { entries: [], isComplete: after === 'start' || (isKnown && last <= from) };
  const entries: ChannelEntry[] = [];
  const seq = sequenceOf(from);
  // All of its messages but the last one are behind the position.
  const first = isKnown && typeof after === 'object' ? seq : seq + 1;
  let bytes = 0;
  const isEnough = (entry: StreamEntry): boolean => {
    bytes += entry.data.length;
    const count = entries.push(...messagesIn(entry, state).filter(({ offset }) => offset > from));
    return count >= limit || (count > 0 && bytes >= maxBytes);
  };
  // Often the latest entry is all that is missing.
  const isNext = latest.seq === seq || (latest.previous !== undefined && latest.previous > 0 && latest.previous < seq);
  const found = isNext ? [latest] : await log.reader.forwards({ subject, from: first, until: latest.seq }, isEnough);
  if (isNext) isEnough(latest);
  const isComplete = after === 'start' || (isKnown && (await isDirectlyBehind(seq, found[0], state)));
  return { entries: entries.slice(0, limit), isComplete };
}

/**
 * Returns whether no entry between a position and the first one that was read can have been
 * removed.
 */
async function isDirectlyBehind(seq: number, first: StreamEntry | undefined, { log }: HistoryState): Promise<boolean> {
  // Old entries are removed first: while the one at the position exists, so do all behind it.
  if (first && (first.seq <= seq || (first.previous !== undefined && first.previous > 0)))
    return first.seq <= seq || (first.previous ?? 0) <= seq;
  // The channel was empty when the first one was stored.
  return (await log.stream.info()).state.first_seq <= seq + 1;
}

async function readBackwards({ before, limit }: ChannelQuery, state: HistoryState): Promise<Part> {
  const { log, latest, last, highest } = state;
  const { subject } = latest;
  const { epoch, since } = state.streamEpoch;
  const isKnown = before?.epoch === epoch && before.offset <= highest + 1;
  if (before && !isKnown) return { entries: [], isComplete: false };
  const until = before ? before.offset - 1 : last;
  if (limit === 0) return { entries: [], isComplete: true };
  const entries: ChannelEntry[] = [];
  const isEnough = (entry: StreamEntry): boolean =>
    entries.unshift(...messagesIn(entry, state).filter(({ offset }) => offset <= until)) >= limit;
  // The entry at the position refers to the previous one.
  const seq = sequenceOf(before?.offset ?? last);
  if (seq >= latest.seq && isEnough(latest)) return { entries: entries.slice(-limit), isComplete: true };
  const range = { subject, from: since + 1, until: seq >= latest.seq ? (latest.previous ?? latest.seq - 1) : seq };
  await log.reader.backwards(range, limit + 1, isEnough);
  return { entries: entries.slice(-limit), isComplete: true };
}

function messagesIn({ seq, data, subject }: StreamEntry, { log, streamEpoch }: HistoryState): readonly ChannelEntry[] {
  const { epoch } = streamEpoch;
  return log.decode(data, subject).map((message, index) => ({ epoch, offset: offsetOf(seq, index), message }));
}
