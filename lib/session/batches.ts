import type { Frame } from '../link/link.js';
import { isExpired } from '../message/expiry.js';
import type { Delivery, Message } from '../message/types.js';
import type { Encoded } from './encoding.js';
import { batchFrame, controlFrame } from './frames.js';
import type { StoredBatch } from './store/outboxStore.js';

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

/** Numbers without messages. */
export function hole(first: number, count: number): Batch {
  const numbers = Array.from({ length: count }, (_, index) => first + index);
  return { first, count, frame: controlFrame('skip', numbers), delivery: 'at-least-once', messages: [], mayExpire: false, sentAt: 0 };
}
