import type { Codec } from '../codec/codec.js';
import type { Frame } from '../link/link.js';
import { isExpired } from '../message/expiry.js';
import type { Delivery, Message } from '../message/types.js';
import { decodeBody, type Encoded } from './encoding.js';
import { batchFrame, controlFrame, MAX_BATCH, readFrame } from './frames.js';
import type { OutboxContents, StoredBatch } from './store/outboxStore.js';

/** A batch that has its numbers, as its sender keeps it until it is acked. */
export interface Batch extends StoredBatch {
  /** None where the store has lost them: what is sent then is that their numbers are skipped. */
  readonly messages: readonly Message[];
  /** Whether any of them has a ttl. */
  readonly mayExpire: boolean;
  /** When it was sent last, by the sender's clock. */
  sentAt: number;
}

export type Level = StoredBatch['delivery'];

/** The number of its last message. */
export const lastOf = ({ first, count }: StoredBatch): number => first + count - 1;

export const isSure = (delivery: Delivery): delivery is Level => delivery !== 'at-most-once';

/** What to send for a batch at this time: its frame, and before it the numbers of what has expired. */
export function framesOf(
  { first, count, frame, messages, mayExpire }: Batch,
  now: number,
  onExpired: (id: string) => void,
): readonly Frame[] {
  if (!mayExpire) return [frame];
  const numbers: number[] = [];
  messages.forEach((message, index) => {
    if (!isExpired(message, now)) return;
    onExpired(message.id);
    numbers.push(first + index);
  });
  if (numbers.length === 0) return [frame];
  const skip = controlFrame('skip', numbers);
  return numbers.length < count ? [skip, frame] : [skip];
}

/** Gives numbers from `first` on to what a codec has made of messages. */
export function numbered(encoded: readonly Encoded[], first: number, delivery: Level): readonly Batch[] {
  let next = first;
  return encoded.map(({ messages, body }) => {
    const count = messages.length;
    const batch = { first: next, count, frame: batchFrame(next, count, body), delivery, messages };
    next += count;
    return { ...batch, mayExpire: messages.some(({ ttl }) => ttl !== undefined), sentAt: 0 };
  });
}

/** Batches as a store kept them; where it has lost some, their numbers are skipped. Tells of those that cannot be read. */
export function restored(
  { acked, last = 0, batches: stored }: OutboxContents,
  codec: Codec,
  onCorrupt: (cause: unknown) => void,
): readonly Batch[] {
  const batches: Batch[] = [];
  let next = acked + 1;
  const skipTo = (first: number): void => {
    for (; next < first; next += MAX_BATCH) batches.push(hole(next, Math.min(MAX_BATCH, first - next)));
    next = Math.max(next, first);
  };
  for (const batch of stored) {
    const messages = readBack(batch, codec, onCorrupt);
    if (lastOf(batch) < next || !messages) continue;
    skipTo(batch.first);
    batches.push({ ...batch, messages, mayExpire: messages.some(({ ttl }) => ttl !== undefined), sentAt: 0 });
    next = lastOf(batch) + 1;
  }
  skipTo(last + 1);
  return batches;
}

function readBack({ first, count, frame }: StoredBatch, codec: Codec, onCorrupt: (cause: unknown) => void): readonly Message[] | undefined {
  try {
    const read = readFrame(frame);
    if (read.kind === 'skip') return [];
    const messages = read.kind === 'msg' && read.first === first ? decodeBody(codec, read.body) : [];
    if (messages.length === count) return messages;
    onCorrupt(undefined);
  } catch (cause) {
    onCorrupt(cause);
  }
  return undefined;
}

/** Numbers without messages. */
export function hole(first: number, count: number): Batch {
  const numbers = Array.from({ length: count }, (_, index) => first + index);
  return { first, count, frame: controlFrame('skip', numbers), delivery: 'at-least-once', messages: [], mayExpire: false, sentAt: 0 };
}
