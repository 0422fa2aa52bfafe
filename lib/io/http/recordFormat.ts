import { FrameTooLargeError, ProtocolError } from '../../message/errors.js';
import { concatBytes } from '../../message/bytes.js';
import { createRing } from '../../operators/buffers/ring.js';
import type { Frame } from '../link.js';

/** The maximum size of a body in bytes, unless it is a single larger frame. */
export const MAX_BODY = 256 * 1024;

/**
 * Returns the maximum size of a received body, in bytes, for frames of at most `maxFrame` bytes.
 */
export function bodyLimit(maxFrame: number): number {
  return Math.max(maxFrame + 1_024, MAX_BODY);
}

/** The end of a connection, as one side reports it to the other. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
}

export type Item = Frame | Ending;

export function isEnding(item: Item): item is Ending {
  return typeof item === 'object' && 'code' in item;
}

/** One byte for the kind, four for the length, big-endian. */
const HEADER_SIZE = 5;
const TEXT = 0;
const BYTES = 1;
const END = 2;

const fatal = (): TextDecoder => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Encodes a frame or an ending as a record. A body is a sequence of records. */
export function encodeRecord(item: Item): Uint8Array {
  const [kind, payload] = encodeItem(item);
  const record = new Uint8Array(HEADER_SIZE + payload.length);
  record[0] = kind;
  new DataView(record.buffer).setUint32(1, payload.length);
  record.set(payload, HEADER_SIZE);
  return record;
}

function encodeItem(item: Item): readonly [kind: number, payload: Uint8Array] {
  if (typeof item === 'string') return [TEXT, new TextEncoder().encode(item)];
  if (item instanceof Uint8Array) return [BYTES, item];
  const reason = new TextEncoder().encode(item.reason);
  const payload = new Uint8Array(2 + reason.length);
  new DataView(payload.buffer).setUint16(0, item.code);
  payload.set(reason, 2);
  return [END, payload];
}

/**
 * Decodes a body.
 *
 * @throws {FrameTooLargeError} If a frame has more than `maxFrame` bytes.
 * @throws {ProtocolError} If the body is invalid; none of its frames may be used then.
 */
export function decodeRecords(body: Uint8Array, maxFrame: number): readonly Item[] {
  const items: Item[] = [];
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  let at = 0;
  while (at < body.length) {
    if (body.length - at < HEADER_SIZE) throw new ProtocolError('the body ends within the header of a frame');
    const size = view.getUint32(at + 1);
    const end = at + HEADER_SIZE + size;
    if (size > maxFrame) throw new FrameTooLargeError(size, maxFrame);
    if (end > body.length) throw new ProtocolError('the body ends within a frame');
    items.push(decodeItem(view.getUint8(at), body.subarray(at + HEADER_SIZE, end)));
    at = end;
  }
  return items;
}

function decodeItem(kind: number, payload: Uint8Array): Item {
  if (kind === BYTES) return payload;
  if (kind === TEXT) return decodeText(payload);
  if (kind !== END || payload.length < 2) throw new ProtocolError('the frame is unknown');
  return toEnding(new DataView(payload.buffer, payload.byteOffset).getUint16(0), decodeText(payload.subarray(2)));
}

/** @throws {ProtocolError} If the code is not a close code. */
export function toEnding(code: unknown, reason: unknown): Ending {
  if (typeof code !== 'number' || !(code >= 1_000 && code < 5_000)) throw new ProtocolError('a close code must be 1000 to 4999');
  return { code, reason: String(reason) };
}

function decodeText(payload: Uint8Array): string {
  try {
    return fatal().decode(payload);
  } catch {
    throw new ProtocolError('text is not UTF-8');
  }
}

/** Creates a queue of the records that wait for the next body. */
export function createRecordQueue() {
  const records = createRing<Uint8Array>();
  let bytes = 0;
  return {
    get bytes(): number {
      return bytes;
    },
    push(item: Item): void {
      const record = encodeRecord(item);
      records.push(record);
      bytes += record.length;
    },
    /** Removes the records of one body and returns the body. */
    take(): Uint8Array {
      const taken: Uint8Array[] = [];
      let size = 0;
      for (let next = records.peek(); next && (size === 0 || size + next.length <= MAX_BODY); next = records.peek()) {
        records.shift();
        taken.push(next);
        size += next.length;
      }
      bytes -= size;
      return concatBytes(taken);
    },
  };
}
