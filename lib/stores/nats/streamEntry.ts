import type { JsMsg, StoredMsg } from '@nats-io/jetstream';
import type { NatsMessage } from './natsContext.js';

/** An entry of the stream: one or more messages of a channel. */
export interface StreamEntry {
  readonly subject: string;
  readonly seq: number;
  /**
   * The sequence number of the entry of the channel in front of it; 0 if there was none, or it is
   * removed and its writer did not know it. Undefined if another program has written it.
   */
  readonly previous: number | undefined;
  readonly epoch: string | undefined;
  /** The time at which it was stored, in ms since 1970. */
  readonly at: number;
  readonly data: Uint8Array;
}

const LINE_FEED = 0x0a;
/** A line has at most an epoch of 10 characters, a space and 15 digits. */
const MAX_LINE = 26;

/**
 * Returns the bytes of an entry: a line with the epoch and the sequence number of the previous
 * entry, then the frame of the codec.
 */
export function entryBytes(epoch: string, previous: number, frame: Uint8Array | string): Uint8Array {
  const line = Buffer.from(`${epoch} ${previous}\n`, 'latin1');
  return Buffer.concat([line, typeof frame === 'string' ? Buffer.from(frame) : frame]);
}

/** Reads the bytes of an entry. Bytes that begin with another line have no frame. */
function readBytes(bytes: Uint8Array): Pick<StreamEntry, 'epoch' | 'previous' | 'data'> {
  const end = bytes.subarray(0, MAX_LINE + 1).indexOf(LINE_FEED);
  const line = String.fromCharCode(...bytes.subarray(0, Math.max(0, end)));
  const [, epoch, previous] = /^([A-Za-z0-9_-]{10}) (\d{1,15})$/.exec(line) ?? [];
  if (epoch === undefined) return { epoch, previous: undefined, data: bytes.subarray(0, 0) };
  return { epoch, previous: Number(previous), data: bytes.subarray(end + 1) };
}

export function entryOf({ subject, seq, time, data }: Pick<StoredMsg | JsMsg, 'subject' | 'seq' | 'time' | 'data'>): StreamEntry {
  return { subject, seq, at: time.getTime(), ...readBytes(data) };
}

/**
 * Returns the entry of a message that JetStream has republished; undefined if the message is none.
 * JetStream itself provides the number of the previous entry.
 */
export function republishedEntry({ headers, data }: NatsMessage): StreamEntry | undefined {
  const subject = headers?.get('Nats-Subject');
  if (!headers || !subject) return undefined;
  const [seq, last] = [Number(headers.get('Nats-Sequence')), Number(headers.get('Nats-Last-Sequence'))];
  if (!Number.isSafeInteger(seq) || !Number.isSafeInteger(last) || seq <= 0) return undefined;
  const { epoch, previous = 0, data: frame } = readBytes(data);
  return { subject, seq, previous: Math.max(last, previous), epoch, at: Date.parse(headers.get('Nats-Time-Stamp')), data: frame };
}

/** The maximum number of messages in an entry of the stream: the offsets of one entry. */
const OFFSETS = 4_096;

/**
 * Returns the offset of a message: the sequence number of its entry in the stream times 4,096, plus
 * its index in the entry. It is a safe integer up to the entry 2^41: 69 years at a thousand entries
 * a second.
 */
export function offsetOf(seq: number, index = 0): number {
  return seq * OFFSETS + index;
}

/** Returns the highest offset that an entry may have. */
export function lastOffsetOf(seq: number): number {
  return seq * OFFSETS + OFFSETS - 1;
}

export function sequenceOf(offset: number): number {
  return Math.floor(offset / OFFSETS);
}
