import { ProtocolError } from '../../../lib/message/errors.js';
import type { Frame } from '../../../lib/io/link.js';
import type { NumberedRejection } from '../../../lib/core/rejection.js';
import { whole } from './handshake.js';
import { MAX_BATCH } from './receiveLimits.js';
import { readRejections } from './rejections.js';

/** A frame between the two sides of a session. docs/protocol.md describes the protocol. */
export type SessionFrame =
  /**
   * A frame whose value depends on the sending side. The handshake of the receiving side reads the
   * value.
   */
  | { readonly kind: 'hello' | 'welcome' | 'auth' | 'bye'; readonly value: unknown }
  | BatchFrame
  /** The sender will not send the messages with these numbers. */
  | { readonly kind: 'skip'; readonly numbers: readonly number[] }
  /** The receiver has not processed these messages. The ack of their numbers follows. */
  | { readonly kind: 'reject'; readonly rejections: readonly NumberedRejection[] }
  | Ack
  /**
   * The receiver answers with an ack. `sent` is the highest number that was sent over this
   * connection, or accepted before.
   */
  | { readonly kind: 'ping'; readonly sent: number };

/** A batch: its messages have the numbers from `first` on, or none when `first` is 0. */
export interface BatchFrame {
  readonly kind: 'msg';
  readonly first: number;
  readonly count: number;
  readonly body: Frame;
  /** The ack of the other direction that the batch carries. */
  readonly ack?: Ack | undefined;
  /** How long the ack of this batch may wait, in units of {@link WAIT_UNIT}; 0: not at all. */
  readonly wait: number;
}

/** All messages up to `done` are processed, and `credit` more may be sent. */
export interface Ack {
  readonly kind: 'ack';
  readonly done: number;
  readonly credit: number;
  /** How long the receiver has delayed this ack, in ms. */
  readonly delay: number;
  /** The rejections that the receiver has sent before, if it counts them. */
  readonly rejections?: number;
}

export { MAX_BATCH };

/** The unit of the wait in a batch, in ms. */
export const WAIT_UNIT = 20;
/** The longest wait that a batch can ask for, in units. */
const MAX_WAIT = 255;
/** The longest delay that an ack can report, in ms. */
const MAX_ACK_DELAY = 65_535;

/**
 * Bytes before the body of a batch: the kind, the first number as 64 bits, the count as 16 bits.
 * All numbers are big-endian.
 */
const BATCH_HEADER = 11;
const BATCH_KIND = 1;
/**
 * Bytes before a batch that carries an ack: the kind, `done` as 64 bits, `credit` as 32 bits, the
 * wait as 8 bits, the delay of the ack as 16 bits.
 */
const ACK_HEADER = 16;
const ACK_BATCH_KIND = 2;
const TEXT_BATCH = '["msg",';
const TEXT_HEADER = /^\["msg",(0|[1-9]\d{0,15}),(0|[1-9]\d{0,4}),/;
const TEXT_ACK_HEADER =
  /^\["ackmsg",(0|[1-9]\d{0,15}),(0|[1-9]\d{0,15}),(0|[1-9]\d{0,2}),(0|[1-9]\d{0,4}),(0|[1-9]\d{0,15}),(0|[1-9]\d{0,4}),/;
const TEXT_ACK = /^\["ack",(0|[1-9]\d{0,15}),(0|[1-9]\d{0,15})(?:,(0|[1-9]\d{0,4}))?\]$/;

/** Creates a frame without a body: JSON text, whatever the codec. */
export function controlFrame(kind: Exclude<SessionFrame['kind'], 'msg'>, ...fields: readonly unknown[]): string {
  return JSON.stringify([kind, ...fields]);
}

export function ackFrame(done: number, credit: number, delay = 0): string {
  return delay > 0 ? `["ack",${done},${credit},${Math.min(MAX_ACK_DELAY, delay)}]` : `["ack",${done},${credit}]`;
}

/**
 * Returns the frame of a batch for an encoded body. The memory before the frame has room for an
 * ack, see {@link withAck}.
 */
export function batchFrame(first: number, count: number, body: Frame): Frame {
  if (typeof body === 'string') return `${TEXT_BATCH}${first},${count},${body}]`;
  const frame = allocate(BATCH_HEADER + body.length);
  frame[0] = BATCH_KIND;
  writeUint64(frame, 1, first);
  frame[9] = count >>> 8;
  frame[10] = count;
  frame.set(body, BATCH_HEADER);
  return frame;
}

/**
 * The size of the memory that small frames share, in bytes: allocating each frame takes three times
 * as long as writing it.
 */
const POOL_SIZE = 8_192;
/** Frames of this size and more have memory of their own. */
const MAX_POOLED = POOL_SIZE / 4;
let pool = new Uint8Array(0);
let poolUsed = 0;
/** The memory of frames that {@link batchFrame} has created. */
const pools = /* @__PURE__ */ new WeakSet<ArrayBufferLike>();

function newPool(size: number): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(size);
  pools.add(made.buffer);
  return made;
}

/** Returns memory for a frame, with room for an ack before it. */
function allocate(length: number): Uint8Array {
  const size = ACK_HEADER + length;
  if (size >= MAX_POOLED) return newPool(size).subarray(ACK_HEADER);
  if (poolUsed + size > pool.length) {
    pool = newPool(POOL_SIZE);
    poolUsed = 0;
  }
  const frame = pool.subarray(poolUsed + ACK_HEADER, poolUsed + size);
  poolUsed += size;
  return frame;
}

/**
 * Creates the frame that carries an ack and a batch. The batch itself stays unchanged: it may be
 * stored, and is sent again byte for byte.
 *
 * @param frame A frame of {@link batchFrame}, created now or before a restart.
 * @param wait How long the ack of this batch may wait, in ms; 0: not at all.
 */
export function withAck(frame: Frame, done: number, credit: number, wait: number, delay: number): Frame {
  const units = wait === 0 ? 0 : Math.max(1, Math.min(MAX_WAIT, Math.floor(wait / WAIT_UNIT)));
  const kept = Math.min(MAX_ACK_DELAY, delay);
  if (typeof frame === 'string') return `["ackmsg",${done},${credit},${units},${kept},${frame.slice(TEXT_BATCH.length)}`;
  const room = roomOf(frame);
  room[0] = ACK_BATCH_KIND;
  writeUint64(room, 1, done);
  writeUint32(room, 9, credit);
  room[13] = units;
  room[14] = kept >>> 8;
  room[15] = kept;
  return room;
}

/**
 * Returns the frame with the room before it; for a frame that {@link batchFrame} has not created, a
 * copy.
 */
function roomOf(frame: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = frame;
  if (pools.has(buffer)) return new Uint8Array(buffer, byteOffset - ACK_HEADER, ACK_HEADER + length);
  const room = new Uint8Array(ACK_HEADER + length);
  room.set(frame, ACK_HEADER);
  return room;
}

/**
 * Parses a frame, except for the body of a batch, which the codec decodes.
 *
 * @throws {ProtocolError} When the frame is malformed, or contains a number that is out of range.
 */
export function readFrame(frame: Frame): SessionFrame {
  return typeof frame === 'string' ? readText(frame) : readBytes(frame);
}

function readBytes(frame: Uint8Array): SessionFrame {
  if (frame[0] !== ACK_BATCH_KIND) return readBatch(frame, 0, undefined, 0);
  if (frame.length < ACK_HEADER) throw new ProtocolError('the batch is invalid');
  const delay = (frame[14] as number) * 256 + (frame[15] as number);
  const ack: Ack = { kind: 'ack', done: whole(readUint64(frame, 1), 'done'), credit: readUint32(frame, 9), delay };
  return readBatch(frame, ACK_HEADER, ack, frame[13] as number);
}

function readBatch(frame: Uint8Array, at: number, ack: Ack | undefined, wait: number): SessionFrame {
  if (frame.length < at + BATCH_HEADER || frame[at] !== BATCH_KIND) throw new ProtocolError('the batch is invalid');
  const count = (frame[at + 9] as number) * 256 + (frame[at + 10] as number);
  return batch(readUint64(frame, at + 1), count, frame.subarray(at + BATCH_HEADER), ack, wait);
}

function readText(frame: string): SessionFrame {
  const header = TEXT_HEADER.exec(frame);
  if (header && frame.endsWith(']')) return batch(Number(header[1]), Number(header[2]), frame.slice(header[0].length, -1), undefined, 0);
  const ack = TEXT_ACK.exec(frame);
  if (ack) return { kind: 'ack', done: whole(Number(ack[1]), 'done'), credit: whole(Number(ack[2]), 'credit'), delay: delayOf(ack[3]) };
  const carrying = TEXT_ACK_HEADER.exec(frame);
  if (carrying && frame.endsWith(']')) {
    const [all, done, credit, wait, delay, first, count] = carrying;
    if (Number(wait) > MAX_WAIT) throw new ProtocolError('the wait is invalid');
    const carried: Ack = { kind: 'ack', done: whole(Number(done), 'done'), credit: whole(Number(credit), 'credit'), delay: delayOf(delay) };
    return batch(Number(first), Number(count), frame.slice(all.length, -1), carried, Number(wait));
  }
  return readOther(parseArray(frame));
}

function readOther([kind, a, b, c, d]: readonly unknown[]): SessionFrame {
  switch (kind) {
    case 'ack':
      return {
        kind,
        done: whole(a, 'done'),
        credit: whole(b, 'credit'),
        delay: typeof c === 'number' ? delayOf(c) : 0,
        // Without `counts`, more elements mean nothing.
        ...(typeof d === 'number' && { rejections: whole(d, 'rejections') }),
      };
    case 'ping':
      return { kind, sent: whole(a, 'sent') };
    case 'skip':
      if (!Array.isArray(a) || a.length > MAX_BATCH) throw new ProtocolError('the skip is invalid');
      return { kind, numbers: a.map((number) => whole(number, 'skip')) };
    case 'reject':
      return { kind, rejections: readRejections(a) };
    case 'hello':
    case 'welcome':
    case 'auth':
    case 'bye':
      return { kind, value: a };
    default:
      throw new ProtocolError('the frame is unknown');
  }
}

/**
 * Returns the delay of an ack; 0 for an invalid value, because the delay is only for measurements.
 */
function delayOf(value: unknown): number {
  const delay = Number(value ?? 0);
  return delay >= 0 ? Math.min(MAX_ACK_DELAY, delay) : 0;
}

function parseArray(frame: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(frame);
  } catch {
    // A frame that is not JSON is of an unknown kind.
  }
  return Array.isArray(parsed) ? parsed : [];
}

function batch(first: number, count: number, body: Frame, ack: Ack | undefined, wait: number): SessionFrame {
  if (count < 1 || count > MAX_BATCH) throw new ProtocolError('the batch size is invalid');
  return { kind: 'msg', first: whole(first, 'first'), count, body, ack, wait };
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function writeUint64(bytes: Uint8Array, at: number, value: number): void {
  writeUint32(bytes, at, Math.floor(value / 2 ** 32));
  writeUint32(bytes, at + 4, value % 2 ** 32);
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
  );
}

function readUint64(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) * 2 ** 32 + readUint32(bytes, at + 4);
}
