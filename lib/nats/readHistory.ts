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
  return sliceOf(query, { ...parts, subject, streamEpoch, info, seq });
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

async function sliceOf({ after, limit }: ChannelQuery, found: HistoryState): Promise<ChannelSlice> {
  const { streamEpoch, info, seq } = found;
  const { epoch } = streamEpoch;
  const { first_seq } = info.state;
  const reached = Math.max(info.state.last_seq, streamEpoch.since, seq);
  const isKnown = after?.epoch === epoch && after.offset <= reached;
  const from = isKnown ? after.offset : streamEpoch.since;
  if (seq === 0) return { epoch, last: reached, entries: [], isComplete: !after || (isKnown && first_seq <= from + 1) };
  if (seq <= from || limit === 0) return { epoch, last: seq, entries: [], isComplete: !after || (isKnown && seq <= from) };

  const { kept, first, count } = await fetchLatest(from, limit, found);
  const end = kept.at(-1)?.seq ?? 0;
  const isThere = isKnown && first === from;
  const entries = (isThere && count <= kept.length ? kept.slice(1) : kept).slice(-limit).flatMap((message) => entryOf(message, found));
  const isAll = count - (isThere ? 1 : 0) <= limit && end >= seq;
  // Old messages are removed first: while the message at the position exists, so do all behind it.
  const isComplete = !after || (isKnown && isAll && (isThere || (await isHistoryComplete(from, count, found))));
  return { epoch, last: Math.max(seq, end), entries, isComplete };
}

/** Returns whether no message behind the position can have been removed; called after the read. */
async function isHistoryComplete(from: number, count: number, { context }: HistoryState): Promise<boolean> {
  const { state, config } = await openStream(context);
  return state.first_seq <= from + 1 && (config.max_msgs_per_subject <= 0 || count < config.max_msgs_per_subject);
}

interface Fetched {
  /** The latest messages. */
  readonly kept: readonly JsMsg[];
  /** The sequence number of the first message of all. */
  readonly first: number | undefined;
  readonly count: number;
}

/** Reads all messages of the channel from a position on, inclusive, and keeps the latest: one more than requested. */
async function fetchLatest(from: number, limit: number, { context, subject, streamEpoch }: HistoryState): Promise<Fetched> {
  const info = await addConsumer(context, Math.max(from, streamEpoch.since + 1), subject);
  const consumer = context.client.consumers.getConsumerFromInfo(info);
  const kept = createRing<JsMsg>();
  let [first, count, left]: [number | undefined, number, number] = [undefined, 0, info.num_pending];
  try {
    for (let before = -1; left > 0 && count > before;) {
      before = count;
      for await (const message of await consumer.fetch({ max_messages: left, expires: FETCH })) {
        first ??= message.seq;
        kept.push(message);
        if (kept.size > limit + 1) kept.shift();
        count++;
        left = message.info.pending;
        if (left === 0) break;
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
