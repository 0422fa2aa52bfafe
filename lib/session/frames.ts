import { ProtocolError } from '../errors.js';
import type { Frame } from '../link/link.js';
import { whole } from './handshake.js';

/** What travels between two sessions; docs/protocol.md has the rules. */
export type SessionFrame =
  /** What only one of the sides may send, or what each has of its own: that is read by who expects it. */
  | { readonly kind: 'hello' | 'welcome' | 'auth' | 'bye'; readonly value: unknown }
  /** A batch: its messages have the numbers from `first` on, or none when that is 0. */
  | { readonly kind: 'msg'; readonly first: number; readonly count: number; readonly body: Frame }
  /** These numbers are of messages that are not sent any more. */
  | { readonly kind: 'skip'; readonly numbers: readonly number[] }
  /** All up to `done` is processed, and `credit` more may come. */
  | { readonly kind: 'ack'; readonly done: number; readonly credit: number }
  /** Answered by an ack; `sent` is the highest number that was sent over this connection, or accepted before. */
  | { readonly kind: 'ping'; readonly sent: number };

export type Ack = Extract<SessionFrame, { readonly kind: 'ack' }>;

/** Messages in one batch at most, whatever the window. */
export const MAX_BATCH = 256;

/** Bytes: the kind, then the first number as two unsigned 32-bit numbers, the count as one of 16 bits. All big-endian. */
const HEADER = 11;
const BATCH_KIND = 1;
const TEXT_HEADER = /^\["msg",(\d{1,16}),(\d{1,5}),/;

/** A frame without a body: readable text, whatever the codec. */
export function controlFrame(kind: Exclude<SessionFrame['kind'], 'msg'>, ...fields: readonly unknown[]): string {
  return JSON.stringify([kind, ...fields]);
}

/** The frame of a batch whose codec made `body` of it. */
export function batchFrame(first: number, count: number, body: Frame): Frame {
  if (typeof body === 'string') return `["msg",${first},${count},${body}]`;
  const frame = new Uint8Array(HEADER + body.length);
  frame.set([BATCH_KIND, ...bytesOf(first, 8), ...bytesOf(count, 2)]);
  frame.set(body, HEADER);
  return frame;
}

/** Highest first. What of each does not fit into a byte falls off when it is written. */
function bytesOf(value: number, length: number): readonly number[] {
  return Array.from({ length }, (_, index) => value / 256 ** (length - 1 - index));
}

/**
 * Reads all of a frame but the body of a batch, which is its codec's.
 *
 * @throws {ProtocolError} When it is none, or holds a number that cannot be.
 */
export function readFrame(frame: Frame): SessionFrame {
  return typeof frame === 'string' ? readText(frame) : readBytes(frame);
}

function readBytes(frame: Uint8Array): SessionFrame {
  if (frame.length < HEADER || frame[0] !== BATCH_KIND) throw new ProtocolError('bytes that are no batch');
  const number = (from: number, to: number): number => frame.subarray(from, to).reduce((high, byte) => high * 256 + byte, 0);
  return batch(number(1, 9), number(9, HEADER), frame.subarray(HEADER));
}

function readText(frame: string): SessionFrame {
  const header = TEXT_HEADER.exec(frame);
  if (header && frame.endsWith(']')) return batch(Number(header[1]), Number(header[2]), frame.slice(header[0].length, -1));
  const [kind, a, b] = parseArray(frame);
  switch (kind) {
    case 'ack':
      return { kind, done: whole(a), credit: whole(b) };
    case 'ping':
      return { kind, sent: whole(a) };
    case 'skip':
      if (!Array.isArray(a) || a.length > MAX_BATCH) throw new ProtocolError('a skip without numbers');
      return { kind, numbers: a.map(whole) };
    case 'hello':
    case 'welcome':
    case 'auth':
    case 'bye':
      return { kind, value: a };
    default:
      throw new ProtocolError('a frame of an unknown kind');
  }
}

function parseArray(frame: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(frame);
  } catch {
    // Whatever it is, it is none of ours.
  }
  return Array.isArray(parsed) ? parsed : [];
}

function batch(first: number, count: number, body: Frame): SessionFrame {
  if (count < 1 || count > MAX_BATCH) throw new ProtocolError('a batch of impossible size');
  return { kind: 'msg', first: whole(first), count, body };
}
