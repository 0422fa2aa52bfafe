import { bufferCount, concatMap, defer, from, mergeMap, type Observable } from 'rxjs';
import type { ChannelEntry, ChannelInfo, ChannelQuery, ChannelSlice } from '../../channels/channelLog.js';
import { PAGE_BYTES } from '../../channels/channelRange.js';
import type { Message } from '../../message/types.js';
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
  const subject = log.subjects.of(channel);
  const [streamEpoch, found] = await Promise.all([log.epochs.current(), log.reader.latest(subject)]);
  const { epoch, since } = streamEpoch;
  const place = typeof query.after === 'object' ? query.after : query.before;
  let latest = found;
  let end = { first_seq: 0, last_seq: 0 };
  if (!latest || latest.seq <= since || (place?.offset ?? 0) > lastOffsetOf(latest.seq)) {
    end = (await log.stream.info()).state;
    // In this order: if the channel has no entry now, it had none up to that end of the stream.
    latest = await log.reader.latest(subject);
  }
  if (latest && latest.seq > since) {
    onRead(latest.seq, false);
    const { last, end: message } = endOfChannel(log, latest);
    const highest = Math.max(last, offsetOf(end.last_seq));
    const read = query.after === undefined ? readBackwards : readForwards;
    const slice = await read(query, { log, streamEpoch, latest, last, highest });
    // Nothing is stored behind an end, so it is the last message.
    return { epoch, last, ...slice, ...(message && { end: { epoch, offset: last, message } }) };
  }
  const reached = Math.max(end.last_seq, since);
  onRead(reached, true);
  const isKnown = place?.epoch === epoch && place.offset <= lastOffsetOf(reached);
  // The entries before the first remaining one are unknown, so a reader from the start misses no
  // known entry.
  const isComplete = !place || (isKnown && end.first_seq <= sequenceOf(place.offset) + 1);
  return { epoch, last: offsetOf(reached), entries: [], isComplete };
}

/** Returns the offset of the last message of a channel, and the message if it ends the channel. */
function endOfChannel({ decode }: LogContext, { seq, data }: StreamEntry): { readonly last: number; readonly end: Message | undefined } {
  const messages = decode(data);
  return { last: offsetOf(seq, Math.max(0, messages.length - 1)), end: endOf(messages) };
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

/** The maximum size of the entries that are read backwards at once, in bytes. */
const MAX_BYTES = 4_194_304;

type Part = Pick<ChannelSlice, 'entries' | 'isComplete'>;

async function readForwards({ after, limit, maxBytes = PAGE_BYTES }: ChannelQuery, state: HistoryState): Promise<Part> {
  const { log, latest, last, highest } = state;
  const { epoch, since } = state.streamEpoch;
  const isKnown = after === 'start' || (after?.epoch === epoch && after.offset <= highest);
  const place = isKnown && typeof after === 'object' ? after.offset : undefined;
  const from = place ?? lastOffsetOf(since);
  if (limit === 0 || last <= from) return { entries: [], isComplete: after === 'start' || (isKnown && last <= from) };
  const entries: ChannelEntry[] = [];
  let [bytes, isReadable] = [0, true];
  const isEnough = (entry: StreamEntry): boolean => {
    bytes += entry.data.length;
    const found = messagesIn(entry, state);
    // Another program may have written an entry without an epoch.
    if (found.length === 0 && entry.epoch !== undefined && offsetOf(entry.seq) > from) isReadable = false;
    const count = entries.push(...found.filter(({ offset }) => offset > from));
    return count >= limit || (count > 0 && bytes >= maxBytes);
  };
  const seq = sequenceOf(from);
  // Often the latest entry is all that is missing.
  const isNext = latest.seq === seq || (latest.previous !== undefined && latest.previous > 0 && latest.previous < seq);
  // All messages of the entry at the position but the last one are behind the position.
  const range = { subject: latest.subject, from: place === undefined ? seq + 1 : seq, until: latest.seq };
  let first = isNext ? latest : undefined;
  if (isNext) isEnough(latest);
  else {
    for await (const entry of log.reader.forwards(range)) {
      first ??= entry;
      if (isEnough(entry)) break;
    }
  }
  // The epoch begins behind `since`.
  const isComplete = after === 'start' ? (first?.previous ?? 0) <= since : isKnown && (await isDirectlyBehind(seq, first, log));
  // A reader that passes over an unreadable entry misses its messages.
  return { entries: entries.slice(0, limit), isComplete: isComplete && isReadable };
}

/** Returns whether no entry between a position and the first one read can be removed. */
async function isDirectlyBehind(seq: number, first: StreamEntry | undefined, { stream }: LogContext): Promise<boolean> {
  // Old entries are removed first: while the one at the position exists, so do all behind it.
  if (first && first.seq <= seq) return true;
  if (first?.previous) return first.previous <= seq;
  // The channel was empty when the first one was stored.
  return (await stream.info()).state.first_seq <= seq + 1;
}

async function readBackwards({ before, limit }: ChannelQuery, state: HistoryState): Promise<Part> {
  const { log, latest, last, highest } = state;
  const { epoch, since } = state.streamEpoch;
  if (before && !(before.epoch === epoch && before.offset <= highest + 1)) return { entries: [], isComplete: false };
  if (limit === 0) return { entries: [], isComplete: true };
  const until = before ? before.offset - 1 : last;
  const entries: ChannelEntry[] = [];
  const isEnough = (entry: StreamEntry): boolean =>
    entries.unshift(...messagesIn(entry, state).filter(({ offset }) => offset <= until)) >= limit;
  // The entry at the position refers to the previous one.
  const seq = sequenceOf(before?.offset ?? last);
  const isLast = seq >= latest.seq;
  if (!isLast || !isEnough(latest)) {
    const range = { subject: latest.subject, from: since + 1, until: isLast ? (latest.previous ?? latest.seq - 1) : seq };
    let bytes = 0;
    for await (const entry of log.reader.backwards(range, limit + 1, MAX_BYTES)) {
      bytes += entry.data.length;
      if (isEnough(entry) || bytes >= MAX_BYTES) break;
    }
  }
  return { entries: entries.slice(-limit), isComplete: true };
}

function messagesIn({ seq, data, subject }: StreamEntry, { log, streamEpoch: { epoch } }: HistoryState): readonly ChannelEntry[] {
  return log.decode(data, subject).map((message, index) => ({ epoch, offset: offsetOf(seq, index), message }));
}

const CONCURRENCY = 32;

/**
 * Emits the channels whose names begin with `prefix`, in the order of their names. The leader of
 * the stream counts the subjects of all channels for it.
 */
export function listStreamChannels(log: LogContext, prefix: string): Observable<ChannelInfo> {
  const { stream, subjects, epochs, reader } = log;
  const namesOf = async () => {
    const { state } = await stream.info({ subjects_filter: subjects.channels, deleted_details: false });
    const names = Object.keys(state.subjects ?? {}).flatMap((subject) => subjects.channelOf(subject) ?? []);
    return { epoch: await epochs.current(), names: names.filter((name) => name.startsWith(prefix)).sort() };
  };
  const infoOf = async (name: string, { epoch, since }: StreamEpoch): Promise<readonly ChannelInfo[]> => {
    const latest = await log.retry(() => reader.latest(subjects.of(name)));
    if (!latest || latest.seq <= since) return [];
    const { last, end } = endOfChannel(log, latest);
    return [{ name, last: { epoch, offset: last }, at: latest.at, hasEnded: end !== undefined }];
  };
  return defer(() => log.retry(namesOf)).pipe(
    mergeMap(({ epoch, names }) =>
      from(names).pipe(
        bufferCount(CONCURRENCY),
        concatMap((chunk) => Promise.all(chunk.map((name) => infoOf(name, epoch)))),
      ),
    ),
    mergeMap((infos) => infos.flat()),
  );
}
