import type { Frame } from '../../link/link.js';
import type { Message } from '../../message/types.js';
import type { Endpoint } from '../../session/endpoint.js';
import { ackFrame, batchFrame, controlFrame, readFrame, type Ack, type BatchFrame } from '../../session/protocol/frames.js';
import { DEFAULT_LIMITS, type ReceiveLimits } from '../../session/protocol/receiveLimits.js';
import { isNumbered, lastOf, type Allowance, type Batch, type InFlight } from '../../session/send/inFlight.js';
import type { Cursor } from '../../session/store/inbox.js';
import type { OutboxCalls } from '../../session/store/outboxCalls.js';
import type { Parcel } from './fanOut.js';

/**
 * The state of a session that hibernates: it has processed all messages of its client, and waits
 * for nothing but the acks of `parcels`.
 */
export interface Snapshot {
  /** All numbers up to this one are acked. */
  acked: number;
  /** The highest number that was sent. */
  sent: number;
  /** The highest number that may have been sent, as recorded in a persistent store. */
  readonly marked: number;
  /** The limits of messages and bytes in flight. */
  allowance: Allowance;
  /** The limits of the client for one frame. */
  readonly limits: ReceiveLimits;
  /** Whether the codec encodes nothing that exceeds these limits, the size of the frame aside. */
  readonly isWithin: boolean;
  /**
   * The messages in flight, in order; those of the first parcel may be acked in part. `undefined`
   * when none is in flight.
   */
  parcels: Parcel[] | undefined;
  /** The number before the first message of `parcels`. */
  before: number;
  /** The size of `parcels`, in bytes. */
  bytes: number;
  /**
   * When the parcel that was acked last was sent, by the clock of the scheduler, with the time that
   * its ack was held back. Absent when its latency was reported.
   */
  ackedSentAt: number | undefined;
  /** The value of `acked` at the last check. */
  checked: number;
  /** Whether the client reads batches that carry an ack, and delays acks. */
  readonly lazyAcks: boolean;
  /** Whether the client reads the rejections of its messages. */
  readonly rejections: boolean;
  /**
   * The processed messages of the client, including those that finished out of order before a
   * restart and are received again.
   */
  readonly cursor: Cursor;
}

/** The maximum size of the header of a frame, in bytes. */
const HEADER_SIZE = 32;

/**
 * Returns the snapshot of an endpoint whose acks were sent. Returns undefined when the endpoint has
 * work to do.
 */
export function snapshotOf(endpoint: Endpoint): Snapshot | undefined {
  const { sender, receiver } = endpoint;
  const batches = sender.isIdle() ? unackedOf(sender.inFlight) : undefined;
  if (!batches || !endpoint.isIdle() || endpoint.unread() > 0) return undefined;
  const { acked, sent, marked, limit, bytesAllowed } = sender.inFlight;
  const snapshot: Snapshot = {
    acked,
    sent: acked,
    marked,
    lazyAcks: endpoint.hasLazyAcks,
    rejections: endpoint.rejections.isSupported,
    allowance: { window: limit - acked, bytes: bytesAllowed },
    limits: sender.target.limits ?? DEFAULT_LIMITS,
    isWithin: !sender.target.isLimited(),
    cursor: receiver.tracker.cursorWith([]),
    parcels: undefined,
    before: (batches[0]?.first ?? acked + 1) - 1,
    bytes: 0,
    ackedSentAt: undefined,
    checked: acked,
  };
  for (const { frame, messages, delivery, sentAt } of batches)
    addParcel(snapshot, { messages, delivery, sentAt, ackDelay: 0, body: (readFrame(frame) as BatchFrame).body });
  snapshot.sent = sent;
  return snapshot;
}

/**
 * Returns the batches that wait for nothing but their acks. Returns undefined when a batch waits
 * for more, or may expire.
 */
function unackedOf(inFlight: InFlight): readonly Batch[] | undefined {
  const batches = inFlight.all();
  const lastBatch = batches.at(-1);
  const last = lastBatch ? lastOf(lastBatch) : inFlight.acked;
  if (inFlight.isBusy || inFlight.hasRejections() || last !== inFlight.sent || last > inFlight.tail) return undefined;
  return batches.some(({ messages, mayExpire }) => mayExpire || messages.length === 0) ? undefined : batches;
}

/** Adds messages that are sent. */
export function addParcel(snapshot: Snapshot, parcel: Parcel): void {
  if (snapshot.parcels) snapshot.parcels.push(parcel);
  else snapshot.parcels = [parcel];
  snapshot.sent += parcel.messages.length;
  snapshot.bytes += sizeOf(parcel);
}

const sizeOf = ({ body }: Parcel): number => body.length + HEADER_SIZE;

/** Returns whether the window of the client and the limits of the outbox admit a parcel. */
export function hasRoom(
  { acked, sent, allowance, bytes }: Snapshot,
  { maxMessages, maxBytes }: Pick<OutboxCalls, 'maxMessages' | 'maxBytes'>,
  parcel: Parcel,
): boolean {
  const messages = sent - acked + parcel.messages.length;
  return messages <= Math.min(allowance.window, maxMessages) && bytes + sizeOf(parcel) <= Math.min(allowance.bytes, maxBytes);
}

/** Returns the messages in flight as batches. */
export function batchesOf({ parcels = [], before }: Snapshot): readonly Batch[] {
  let first = before + 1;
  return parcels.flatMap(({ messages, body, delivery, sentAt }) => {
    if (!isNumbered(delivery)) return [];
    const at = first;
    const count = messages.length;
    first += count;
    return { first: at, count, frame: batchFrame(at, count, body), messages, delivery, mayExpire: false, sentAt };
  });
}

/** Returns whether a message is in flight. */
export function isUnacked({ parcels = [], before, acked }: Snapshot, id: string): boolean {
  return parcels.some(({ messages }, at) => messages.some((message, index) => message.id === id && (at > 0 || before + 1 + index > acked)));
}

/** Returns the messages in flight, in order. Only the first parcel may be acked in part. */
export function unackedMessages({ parcels = [], before, acked }: Snapshot): readonly Message[] {
  return parcels.flatMap(({ messages }) => messages).slice(Math.max(0, acked - before));
}

/**
 * Handles a frame that does not need the endpoint: a ping when all messages were received, or an
 * ack. Returns the answer, which is empty for an ack. Returns undefined when the session must wake
 * up.
 */
export function answer(frame: Frame, snapshot: Snapshot, window: number): Frame | undefined {
  if (typeof frame !== 'string') return undefined;
  const { done } = snapshot.cursor;
  if (frame === controlFrame('ping', done)) return ackFrame(done, window);
  if (!frame.startsWith('["ack",')) return undefined;
  try {
    const ack = readFrame(frame);
    if (ack.kind !== 'ack' || ack.done < snapshot.acked || ack.done > snapshot.sent) return undefined;
    acknowledge(snapshot, ack);
    return '';
  } catch {
    // The endpoint reports the error.
    return undefined;
  }
}

function acknowledge(snapshot: Snapshot, { done, credit, delay }: Ack): void {
  const { parcels = [] } = snapshot;
  let count = 0;
  for (const parcel of parcels) {
    const last = snapshot.before + parcel.messages.length;
    if (last > done) break;
    snapshot.before = last;
    snapshot.bytes -= sizeOf(parcel);
    snapshot.ackedSentAt = parcel.sentAt + delay;
    count++;
  }
  if (count === parcels.length) snapshot.parcels = undefined;
  else parcels.splice(0, count);
  snapshot.acked = done;
  snapshot.allowance = { window: credit, bytes: snapshot.allowance.bytes };
}
