import { byteLength } from '../message/bytes.js';
import { BAD_FRAMES } from '../message/closeCode.js';
import { MAX_BATCH } from '../message/messageLimits.js';
import type { Body } from './storedTypes.js';
import { readRejection, type NumberedRejection } from './rejection.js';

/** A breach of the protocol: the connection must be closed with this code (protocol, section 9). */
export class Violation extends Error {
  readonly code: number;
  /** Whether an event has told the error to the host. */
  readonly isReported: boolean;

  constructor(code: number, message: string, isReported = false) {
    super(message);
    this.code = code;
    this.isReported = isReported;
  }
}

/** The bytes that a body leaves for the header of its frame. */
export const HEADER_ROOM = 80;
/** The maximum number of rejections in a frame. */
export const MAX_REJECTIONS = 32;
/**
 * The unit of the wait in a batch, in ms; the longest wait, in units; the longest delay of an ack,
 * in ms.
 */
export const WAIT_UNIT = 20;
export const MAX_WAIT = 255;
export const MAX_ACK_DELAY = 65_535;
const MAX_NUMBER = 2 ** 52;

/** Returns a wait in units. It becomes no longer, unless it is shorter than one unit. */
export const unitsOf = (wait: number): number => (wait > 0 ? Math.max(1, Math.min(MAX_WAIT, Math.floor(wait / WAIT_UNIT))) : 0);

export function invalid(message: string): never {
  throw new Violation(BAD_FRAMES, message);
}

/**
 * Returns a number of the protocol (section 3, rule 1).
 * @throws {Violation} If the value is not a whole number in the range.
 */
export function wholeNumber(value: unknown, least = 0): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= MAX_NUMBER) return value as number;
  return invalid(`a whole number >= ${least} was expected, got ${typeof value === 'number' ? value : typeof value}`);
}

// ---- Batches (section 3, rules 4 and 5)

/** A batch as it has arrived. */
export interface ArrivedBatch {
  readonly first: number;
  readonly count: number;
  readonly body: Body;
  /** How long the ack of the batch may wait, in ms. */
  readonly wait: number;
  /** The ack that the batch carries; -1 for none. */
  readonly done: number;
  readonly credit: number;
  readonly delay: number;
}

const TEXT_BATCH =
  /^\["(?:ackmsg",(0|[1-9]\d{0,15}),(0|[1-9]\d{0,15}),(0|[1-9]\d{0,2}),(0|[1-9]\d{0,4}),|msg",)(0|[1-9]\d{0,15}),(0|[1-9]\d{0,4}),/;
const TEXT_ACK = /^\["ack",(0|[1-9]\d{0,15}),(0|[1-9]\d{0,15})(?:,(0|[1-9]\d{0,4})(?:,(0|[1-9]\d{0,14}))?)?\]$/;
const BATCH_KIND = 1;
const ACK_BATCH_KIND = 2;
const BATCH_HEADER = 11;
const ACK_HEADER = 16;

function checkedBatch(batch: ArrivedBatch): ArrivedBatch {
  const { first, count, wait } = batch;
  wholeNumber(first);
  if (count < 1 || count > MAX_BATCH || wait > MAX_WAIT * WAIT_UNIT) invalid('the batch is invalid');
  return batch;
}

/** Returns the batch that a text holds; undefined if it holds none. */
export function readTextBatch(frame: string): ArrivedBatch | undefined {
  const header = TEXT_BATCH.exec(frame);
  if (!header || !frame.endsWith(']')) return undefined;
  const [all, done, credit, wait, delay, first, count] = header;
  return checkedBatch({
    first: Number(first),
    count: Number(count),
    body: frame.slice(all.length, -1),
    wait: wait === undefined ? 0 : Number(wait) * WAIT_UNIT,
    done: done === undefined ? -1 : wholeNumber(Number(done)),
    credit: credit === undefined ? 0 : wholeNumber(Number(credit)),
    delay: delay === undefined ? 0 : Math.min(MAX_ACK_DELAY, Number(delay)),
  });
}

/** Returns the batch that bytes hold. @throws {Violation} If they hold none. */
export function readBinaryBatch(frame: Uint8Array): ArrivedBatch {
  const hasAck = frame[0] === ACK_BATCH_KIND;
  const at = hasAck ? ACK_HEADER : 0;
  if (frame.length < at + BATCH_HEADER || frame[at] !== BATCH_KIND) invalid('the batch is invalid');
  return checkedBatch({
    first: readNumber(frame, at + 1, 8),
    count: readNumber(frame, at + 9, 2),
    body: frame.subarray(at + BATCH_HEADER),
    wait: hasAck ? (frame[13] as number) * WAIT_UNIT : 0,
    done: hasAck ? wholeNumber(readNumber(frame, 1, 8)) : -1,
    credit: hasAck ? readNumber(frame, 9, 4) : 0,
    delay: hasAck ? readNumber(frame, 14, 2) : 0,
  });
}

/** Returns the frame of a batch. */
export function batchFrame(first: number, count: number, body: Body): Body {
  if (typeof body === 'string') return `["msg",${first},${count},${body}]`;
  const frame = allocate(BATCH_HEADER + body.length);
  writeBatch(frame, 0, first, count, body);
  return frame;
}

/**
 * Returns the frame of a batch with an ack in front of it.
 *
 * @param wait How long the ack of this batch may wait, in units.
 * @param delay How long the ack in front was held back, in ms.
 */
export function ackBatchFrame(first: number, count: number, body: Body, done: number, credit: number, wait: number, delay: number): Body {
  if (typeof body === 'string') return `["ackmsg",${done},${credit},${wait},${delay},${first},${count},${body}]`;
  const frame = allocate(ACK_HEADER + BATCH_HEADER + body.length);
  frame[0] = ACK_BATCH_KIND;
  writeNumber(frame, 1, done, 8);
  writeNumber(frame, 9, Math.min(credit, 2 ** 32 - 1), 4);
  frame[13] = wait;
  writeNumber(frame, 14, delay, 2);
  writeBatch(frame, ACK_HEADER, first, count, body);
  return frame;
}

function writeBatch(frame: Uint8Array, at: number, first: number, count: number, body: Uint8Array): void {
  frame[at] = BATCH_KIND;
  writeNumber(frame, at + 1, first, 8);
  writeNumber(frame, at + 9, count, 2);
  frame.set(body, at + BATCH_HEADER);
}

// ---- Other frames

/** An ack as it has arrived; `rejections` counts the rejections that went before it, if it does. */
export interface ArrivedAck {
  readonly done: number;
  readonly credit: number;
  readonly delay: number;
  readonly rejections?: number;
}

/** Returns the ack that a text holds, in its usual form; undefined if it holds none. */
export function readTextAck(frame: string): Required<ArrivedAck> | undefined {
  const ack = TEXT_ACK.exec(frame);
  if (!ack) return undefined;
  const [, done, credit, delay = 0, rejections = 0] = ack;
  return {
    done: wholeNumber(Number(done)),
    credit: wholeNumber(Number(credit)),
    delay: ackDelay(Number(delay)),
    rejections: Number(rejections),
  };
}

/** Parses a frame that is neither a batch nor an ack in its usual form. */
export function readControl(frame: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(frame);
  } catch {
    // A frame that is not JSON is of an unknown kind.
  }
  return Array.isArray(parsed) ? parsed : invalid('the frame is unknown');
}

export function readAck(done: unknown, credit: unknown, delay: unknown, rejections: unknown): ArrivedAck {
  return {
    done: wholeNumber(done),
    credit: wholeNumber(credit),
    delay: ackDelay(delay),
    rejections: rejections == null ? 0 : wholeNumber(rejections),
  };
}

/** An invalid delay counts as 0, because the delay is only for measurements. */
const ackDelay = (value: unknown): number => (typeof value === 'number' && value >= 0 ? Math.min(MAX_ACK_DELAY, value) : 0);

export function readSkip(value: unknown): readonly number[] {
  if (!Array.isArray(value) || value.length > MAX_BATCH) invalid('the skip is invalid');
  return (value as readonly unknown[]).map((number) => wholeNumber(number));
}

/** Returns the frames that skip these numbers, each within the limit of the other side. */
export function skipFrames(numbers: readonly number[], maxFrame: number): readonly string[] {
  // A number and its comma take at most 17 bytes, the rest of the frame less than 16.
  const most = Math.max(1, Math.min(MAX_BATCH, Math.floor((maxFrame - 16) / 17)));
  const frames: string[] = [];
  for (let from = 0; from < numbers.length; from += most) frames.push(`["skip",[${numbers.slice(from, from + most).join()}]]`);
  return frames;
}

export function readRejectFrame(value: unknown): readonly NumberedRejection[] {
  if (!Array.isArray(value) || value.length > MAX_REJECTIONS) invalid('the reject is invalid');
  return (value as readonly unknown[]).map((entry) => {
    const rejection = readRejection(entry) ?? invalid('the reject is invalid');
    wholeNumber(rejection.number);
    return rejection;
  });
}

// ---- Sizes and bytes

/** Returns whether a frame, or a part of it, has more bytes as it travels than a limit. */
export function isAbove(frame: Body, limit: number): boolean {
  if (frame.length * 3 <= limit) return false;
  return frame.length > limit || (typeof frame === 'string' && byteLength(frame) > limit);
}

const POOL_SIZE = 8_192;
let pool = new Uint8Array(0);
let poolUsed = 0;

/** Small frames share memory: allocating each takes longer than writing it. */
function allocate(size: number): Uint8Array {
  if (size >= POOL_SIZE / 4) return new Uint8Array(size);
  if (poolUsed + size > pool.length) {
    pool = new Uint8Array(POOL_SIZE);
    poolUsed = 0;
  }
  poolUsed += size;
  return pool.subarray(poolUsed - size, poolUsed);
}

/** Writes a number in 8 bytes, or in fewer, the highest first. */
function writeNumber(bytes: Uint8Array, at: number, value: number, length: number): void {
  let rest = value;
  for (let index = at + length - 1; index >= at; index--) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}
function readNumber(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let index = at; index < at + length; index++) value = value * 256 + (bytes[index] as number);
  return value;
}
