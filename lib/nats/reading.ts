import type { JsMsg, StreamInfo } from '@nats-io/jetstream';
import type { ChannelEntry, ChannelQuery, ChannelSlice } from '../app/hub/channelLog.js';
import { createRing } from '../internal/ring.js';
import type { Message } from '../message/types.js';
import type { Broker } from './broker.js';
import { addConsumer, removeConsumer } from './consuming.js';
import type { Epochs, Era } from './epochs.js';
import type { Feed } from './feed.js';
import { openStream } from './stream.js';

/** Reads a piece of a channel from the stream. */
export async function read(channel: string, query: ChannelQuery, parts: ReadParts): Promise<ChannelSlice> {
  const { broker, epochs, feed } = parts;
  const subject = broker.subjects.of(channel);
  // What comes from now on must reach the tails: what is there now is read.
  await feed.ready();
  // In this order: with nothing in the channel, there was nothing in it up to where the stream was.
  const info = await openStream(broker);
  const [era, latest] = await Promise.all([epochs.current(), broker.latest(subject)]);
  feed.meet(era);
  const seq = latest && latest.seq > era.since ? latest.seq : 0;
  return sliceOf(query, { ...parts, subject, era, info, seq });
}

export interface ReadParts {
  readonly broker: Broker;
  readonly epochs: Epochs;
  readonly feed: Pick<Feed, 'ready' | 'meet'>;
}

interface Found extends ReadParts {
  readonly subject: string;
  readonly era: Era;
  readonly info: StreamInfo;
  /** The latest message of the channel; 0, when there is none. */
  readonly seq: number;
}

async function sliceOf({ after, limit }: ChannelQuery, found: Found): Promise<ChannelSlice> {
  const { era, info, seq } = found;
  const { epoch } = era;
  const { first_seq } = info.state;
  const reached = Math.max(info.state.last_seq, era.since, seq);
  const isKnown = after?.epoch === epoch && after.offset <= reached;
  const from = isKnown ? after.offset : era.since;
  if (seq === 0) return { epoch, last: reached, entries: [], isComplete: !after || (isKnown && first_seq <= from + 1) };
  if (seq <= from || limit === 0) return { epoch, last: seq, entries: [], isComplete: !after || (isKnown && seq <= from) };

  const { kept, first, count } = await fetchLatest(from, limit, found);
  const end = kept.at(-1)?.seq ?? 0;
  const isThere = isKnown && first === from;
  const entries = (isThere && count <= kept.length ? kept.slice(1) : kept).slice(-limit).flatMap((message) => entryOf(message, found));
  const isAll = count - (isThere ? 1 : 0) <= limit && end >= seq;
  // What is older goes first: while the place itself is there, so is all behind it.
  const isComplete = !after || (isKnown && isAll && (isThere || (await hasKept(from, count, found))));
  return { epoch, last: Math.max(seq, end), entries, isComplete };
}

/** Whether nothing of the channel that came behind a place can have gone; asked when that was read. */
async function hasKept(from: number, count: number, { broker }: Found): Promise<boolean> {
  const { state, config } = await openStream(broker);
  return state.first_seq <= from + 1 && (config.max_msgs_per_subject <= 0 || count < config.max_msgs_per_subject);
}

interface Fetched {
  /** The latest. */
  readonly kept: readonly JsMsg[];
  /** Where the first of all stands. */
  readonly first: number | undefined;
  readonly count: number;
}

/** Reads all messages of the channel from a place on, with that, and keeps the latest of them: one more than asked for. */
async function fetchLatest(from: number, limit: number, { broker, subject, era }: Found): Promise<Fetched> {
  const info = await addConsumer(broker, Math.max(from, era.since + 1), subject);
  const consumer = broker.client.consumers.getConsumerFromInfo(info);
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
    removeConsumer(broker, info);
  }
}

/** For so long it is waited, in ms, for messages that have gone since they were counted. */
const FETCH = 1_000;

function entryOf({ data, seq, subject }: JsMsg, { broker, era }: Found): readonly ChannelEntry[] {
  const message: Message | undefined = broker.decode(data, subject);
  return message ? [{ epoch: era.epoch, offset: seq, message }] : [];
}
