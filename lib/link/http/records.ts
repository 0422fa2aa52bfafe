import { FrameTooLargeError, ProtocolError } from '../../errors.js';
import type { Frame } from '../link.js';

/** How a connection ended, as one side tells the other. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
}

/** What a body holds: frames, and, as the last one, perhaps how the connection ends. */
export type Item = Frame | Ending;

export function isEnding(item: Item): item is Ending {
  return typeof item === 'object' && 'code' in item;
}

/** One byte for the kind, four for the length, big-endian. */
const HEADER = 5;
const TEXT = 0;
const BYTES = 1;
const END = 2;

const fatal = (): TextDecoder => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A frame, or an ending, as a part of a body: bodies are such parts, one after the other. */
export function toRecord(item: Item): Uint8Array {
  const [kind, payload] = payloadOf(item);
  const record = new Uint8Array(HEADER + payload.length);
  record[0] = kind;
  new DataView(record.buffer).setUint32(1, payload.length);
  record.set(payload, HEADER);
  return record;
}

function payloadOf(item: Item): readonly [kind: number, payload: Uint8Array] {
  if (typeof item === 'string') return [TEXT, new TextEncoder().encode(item)];
  if (item instanceof Uint8Array) return [BYTES, item];
  const reason = new TextEncoder().encode(item.reason);
  const payload = new Uint8Array(2 + reason.length);
  new DataView(payload.buffer).setUint16(0, item.code);
  payload.set(reason, 2);
  return [END, payload];
}

/**
 * Takes a body apart.
 *
 * @throws {FrameTooLargeError} When one of its frames has more than `maxFrame` bytes.
 * @throws {ProtocolError} When it is none; nothing of it is to be used then.
 */
export function fromRecords(body: Uint8Array, maxFrame: number): readonly Item[] {
  const items: Item[] = [];
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  let at = 0;
  while (at < body.length) {
    if (body.length - at < HEADER) throw new ProtocolError('half a header of a frame');
    const size = view.getUint32(at + 1);
    const end = at + HEADER + size;
    if (size > maxFrame) throw new FrameTooLargeError(size, maxFrame);
    if (end > body.length) throw new ProtocolError('half a frame');
    items.push(itemOf(view.getUint8(at), body.subarray(at + HEADER, end)));
    at = end;
  }
  return items;
}

function itemOf(kind: number, payload: Uint8Array): Item {
  if (kind === BYTES) return payload;
  if (kind === TEXT) return textOf(payload);
  if (kind !== END || payload.length < 2) throw new ProtocolError('a frame of an unknown kind');
  return asEnding(new DataView(payload.buffer, payload.byteOffset).getUint16(0), textOf(payload.subarray(2)));
}

/** @throws {ProtocolError} When it is no close code. */
export function asEnding(code: unknown, reason: unknown): Ending {
  if (typeof code !== 'number' || !(code >= 1_000 && code < 5_000)) throw new ProtocolError('no close code');
  return { code, reason: String(reason) };
}

function textOf(payload: Uint8Array): string {
  try {
    return fatal().decode(payload);
  } catch {
    throw new ProtocolError('text that is not UTF-8');
  }
}
