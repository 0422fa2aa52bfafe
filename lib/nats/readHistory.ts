import type { JsMsg, StreamInfo } from '@nats-io/jetstream';
import type { ChannelEntry, ChannelQuery, ChannelSlice } from '../app/hub/channelLog.js';
import { createRing } from '../internal/ring.js';
import type { Message } from '../message/types.js';
import type { NatsContext } from './natsContext.js';
import { addConsumer, removeConsumer } from './consumeMessages.js';
import type { Epochs, StreamEpoch } from './streamEpochs.js';
import type { ChannelFeed } from './channelFeed.js';
import { openStream } from './openStream.js';

/** Reads a part of a channel's history from the stream. */
export async function readHistory(channel: string, query: ChannelQuery, parts: ReadHistoryOptions): Promise<ChannelSlice> {
  const { context, epochs, feed } = parts;
  const subject = context.subjects.of(channel);
  // New messages must reach the tails before the stored ones are read, so that there is no gap.
  await feed.ready();
  // In this order: if the channel has no messages then, it had none up to the end of the stream.
  const info = await openStream(context);
  const [streamEpoch, latest] = await Promise.all([epochs.current(), context.latest(subject)]);
  feed.observeEpoch(streamEpoch);
  const seq = latest && latest.seq > streamEpoch.since ? latest.seq : 0;
  const slice = await sliceOf(query, { ...parts, subject, streamEpoch, info, seq });
  // Nothing is stored behind an end, so it is the last message.
  const message = latest && seq > 0 ? context.decodeEnd(latest.data) : undefined;
  return message ? { ...slice, end: { epoch: slice.epoch, offset: seq, message } } : slice;
}

export interface ReadHistoryOptions {
  readonly context: NatsContext;
  readonly epochs: Epochs;
  readonly feed: Pick<ChannelFeed, 'ready' | 'observeEpoch'>;
}

interface HistoryState extends ReadHistoryOptions {
  readonly subject: string;
  readonly streamEpoch: StreamEpoch;
  readonly info: StreamInfo;
  /** The sequence number of the latest message of the channel; 0 if there is none. */
  readonly seq: number;
}

async function sliceOf({ after, before, limit }: ChannelQuery, found: HistoryState): Promise<ChannelSlice> {
  const { streamEpoch, info, seq } = found;
  const { epoch } = streamEpoch;
  const { first_seq } = info.state;
  const reached = Math.max(info.state.last_seq, streamEpoch.since, seq);
  const place = after === 'start' ? { epoch, offset: streamEpoch.since } : (after ?? before);
  const isKnown = place?.epoch === epoch && place.offset <= reached + Number(!after);
  const isBackwards = after === undefined;
  const from = !isBackwards && isKnown ? place.offset : streamEpoch.since;
  const until = isBackwards && place ? (isKnown ? place.offset - 1 : from) : seq;
  // Nobody knows what was there before the first message that is left, so a reader from the start misses nothing that it knows of.
  const isUnknownBefore = place === undefined || after === 'start';
  if (seq === 0) return { epoch, last: reached, entries: [], isComplete: isUnknownBefore || (isKnown && first_seq <= from + 1) };
  if (until <= from || limit === 0) return { epoch, last: seq, entries: [], isComplete: isUnknownBefore || (isKnown && seq <= from) };

  const { kept, first, count } = await fetchMessages({ from, until, limit, isBackwards }, found);
  const isThere = first === from;
  const end = kept.at(-1)?.seq ?? 0;
  const last = Math.max(seq, isBackwards ? 0 : end);
  const entries = kept.filter(({ seq: own }) => own > from || isBackwards).slice(isBackwards ? -limit : 0, isBackwards ? undefined : limit);
  // Old messages are removed first: while the message at the position exists, so do all behind it.
  const isComplete = isUnknownBefore || (isKnown && (isBackwards || isThere || (await isHistoryComplete(from, count, found))));
  return { epoch, last, entries: entries.flatMap((message) => entryOf(message, found)), isComplete };
}

/** Returns whether no message behind the position can have been removed; called after the read. */
async function isHistoryComplete(from: number, count: number, { context }: HistoryState): Promise<boolean> {
  const { state, config } = await openStream(context);
  return state.first_seq <= from + 1 && (config.max_msgs_per_subject <= 0 || count < config.max_msgs_per_subject);
}

interface FetchRange {
  /** The sequence numbers to read from and to, both inclusive. */
  readonly from: number;
  readonly until: number;
  readonly limit: number;
  /** Whether to keep the last messages of the range, and not the first. */
  readonly isBackwards: boolean;
}

interface Fetched {
  readonly kept: readonly JsMsg[];
  /** The sequence number of the first message of all. */
  readonly first: number | undefined;
  readonly count: number;
}

/** Reads the messages of the channel in a range, and keeps the first or the last: one more than requested, as one may be at the position itself. */
async function fetchMessages(
  { from, until, limit, isBackwards }: FetchRange,
  { context, subject, streamEpoch }: HistoryState,
): Promise<Fetched> {
  const info = await addConsumer(context, Math.max(from, streamEpoch.since + 1), subject);
  const consumer = context.client.consumers.getConsumerFromInfo(info);
  const kept = createRing<JsMsg>();
  let [first, count, left]: [number | undefined, number, number] = [undefined, 0, info.num_pending];
  const room = (): number => (isBackwards ? left : Math.min(left, limit + 1 - kept.size));
  try {
    for (let before = -1; room() > 0 && count > before;) {
      before = count;
      for await (const message of await consumer.fetch({ max_messages: room(), expires: FETCH })) {
        left = message.seq > until ? 0 : message.info.pending;
        count++;
        first ??= message.seq;
        if (message.seq <= until || !isBackwards) kept.push(message);
        if (isBackwards && kept.size > limit + 1) kept.shift();
        if (room() <= 0) break;
      }
    }
    return { kept: kept.values(), first, count };
  } finally {
    removeConsumer(context, info);
  }
}

/** The time to wait, in ms, for messages that were removed after they were counted. */
const FETCH = 1_000;

function entryOf({ data, seq, subject }: JsMsg, { context, streamEpoch }: HistoryState): readonly ChannelEntry[] {
  const message: Message | undefined = context.decode(data, subject);
  return message ? [{ epoch: streamEpoch.epoch, offset: seq, message }] : [];
}
