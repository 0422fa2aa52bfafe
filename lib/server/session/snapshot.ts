import type { SchedulerLike } from 'rxjs';
import type { Frame } from '../../link/link.js';
import type { Message } from '../../message/types.js';
import type { Endpoint } from '../../session/endpoint.js';
import { ackFrame, controlFrame, readFrame } from '../../session/protocol/frames.js';
import { lastOf, type Allowance, type Batch } from '../../session/send/inFlight.js';
import type { Cursor } from '../../session/store/inbox.js';
import type { OutboxStore } from '../../session/store/outboxStore.js';

/** What is kept of a session that hibernates: everything that has come is processed, and everything that was sent is acked, or among `batches`. */
export interface Snapshot {
  /** All numbers up to this one are acked. */
  acked: number;
  /** The highest number that was sent. */
  sent: number;
  /** What may be sent. */
  allowance: Allowance;
  /** The batches that are not acked; made when the session sends while it hibernates. */
  batches: Batch[] | undefined;
  /** The value of `acked` at the last check. */
  checked: number;
  /** Whether the client reads batches that carry an ack, and lets acks wait. */
  readonly lazyAcks: boolean;
  /** How far the messages of the client are processed; also those that came out of order before a restart, and will come again. */
  readonly cursor: Cursor;
}

/** Takes the snapshot of an endpoint. Returns undefined when it has something to do. */
export function snapshotOf(endpoint: Endpoint): Snapshot | undefined {
  const { sender, receiver } = endpoint;
  const { acked, sent, bytes, limit, bytesAllowed, isBusy } = sender.inFlight;
  if (!sender.isIdle() || bytes > 0 || acked !== sent || isBusy || !endpoint.isIdle() || endpoint.unread() > 0) return undefined;
  endpoint.flushAcks();
  return {
    acked,
    sent,
    lazyAcks: endpoint.hasLazyAcks,
    allowance: { window: limit - acked, bytes: bytesAllowed },
    cursor: receiver.tracker.cursorWith([]),
    batches: undefined,
    checked: acked,
  };
}

/**
 * Answers a frame that tells nothing new: a ping, or an ack of what was sent while the session hibernates. Returns the reply, an empty text where there is none, or
 * undefined when the session must wake up for the frame.
 */
export function answer(frame: Frame, snapshot: Snapshot, window: number): Frame | undefined {
  if (typeof frame !== 'string') return undefined;
  const { done } = snapshot.cursor;
  if (frame === controlFrame('ping', done)) return ackFrame(done, window);
  if (!frame.startsWith('["ack",')) return undefined;
  try {
    const ack = readFrame(frame);
    if (ack.kind !== 'ack' || ack.done < snapshot.acked || ack.done > snapshot.sent) return undefined;
    acknowledge(snapshot, ack.done, ack.credit);
    return '';
  } catch {
    // The endpoint will say what is wrong with it.
    return undefined;
  }
}

function acknowledge(snapshot: Snapshot, done: number, credit: number): void {
  const { batches } = snapshot;
  if (batches) {
    let count = 0;
    while (count < batches.length && lastOf(batches[count] as Batch) <= done) count++;
    if (count === batches.length) snapshot.batches = undefined;
    else if (count > 0) batches.splice(0, count);
  }
  snapshot.acked = done;
  snapshot.allowance = { window: credit, bytes: snapshot.allowance.bytes };
}

/** Whether the window of the client and the limits of the outbox let a batch of so many messages and bytes be sent. */
export function hasRoom(
  { acked, sent, allowance, batches = [] }: Snapshot,
  { maxMessages, maxBytes }: Pick<OutboxStore, 'maxMessages' | 'maxBytes'>,
  count: number,
  bytes: number,
): boolean {
  if (sent - acked + count > Math.min(allowance.window, maxMessages)) return false;
  let total = bytes;
  for (const { frame } of batches) total += frame.length;
  return total <= Math.min(allowance.bytes, maxBytes);
}

/** Whether a message is among the batches that are not acked. */
export function isUnacked({ batches = [] }: Snapshot, id: string): boolean {
  return batches.some(({ messages }) => messages.some((message) => message.id === id));
}

/** Adds a batch that is sent. */
export function addBatch(
  snapshot: Snapshot,
  frame: Frame,
  messages: readonly Message[],
  delivery: Batch['delivery'],
  scheduler: SchedulerLike,
): void {
  const first = snapshot.sent + 1;
  snapshot.sent += messages.length;
  (snapshot.batches ??= []).push({ first, count: messages.length, frame, messages, delivery, mayExpire: false, sentAt: scheduler.now() });
}
