import { ConnectionLostError } from '../message/errors.js';
import { ABANDONED, ABNORMAL, NORMAL } from '../message/closeCode.js';
import type { Frame } from './link.js';

/** The first frame of a connection that carries streams (docs/protocol.md, section 17). */
export const MULTIPLEXED = '["streams",1]';

/** The number of streams that may be open on one connection. */
export const MAX_STREAMS = 32;

/** The maximum length of a close frame: a reason of 123 characters may need escapes. */
const MAX_CLOSE = 1_024;
const MAX_REASON = 123;
const NUMBER_SIZE = 4;
/** The header of a text then fits into the room that a body leaves for headers. */
const MAX_NUMBER = 99_999_999;

/** The end of a stream. */
export type StreamClose = readonly [code: number, reason: string];

/** A frame of a connection that carries streams: one of a stream, or the end of the stream. */
export interface StreamFrame {
  readonly stream: number;
  readonly frame?: Frame;
  readonly close?: StreamClose;
}

/** Adds the number of a stream to a frame. */
export function frameOfStream(stream: number, frame: Frame): Frame {
  if (typeof frame === 'string') return `${stream}:${frame}`;
  const bytes = new Uint8Array(NUMBER_SIZE + frame.length);
  new DataView(bytes.buffer).setUint32(0, stream);
  bytes.set(frame, NUMBER_SIZE);
  return bytes;
}

export function closeOfStream(stream: number, [code, reason]: StreamClose): string {
  return JSON.stringify(['close', stream, code, reason.slice(0, MAX_REASON)]);
}

/** Returns the content of a frame; undefined if the frame is malformed. */
export function readStreamFrame(frame: Frame): StreamFrame | undefined {
  if (typeof frame !== 'string') {
    if (frame.length <= NUMBER_SIZE) return undefined;
    const stream = new DataView(frame.buffer, frame.byteOffset).getUint32(0);
    return stream > 0 && stream <= MAX_NUMBER ? { stream, frame: frame.subarray(NUMBER_SIZE) } : undefined;
  }
  if (frame.startsWith('[')) return frame.length <= MAX_CLOSE ? readClose(frame) : undefined;
  const [head, number] = /^([1-9]\d{0,7}):/.exec(frame) ?? [];
  return head === undefined ? undefined : { stream: Number(number), frame: frame.slice(head.length) };
}

function readClose(frame: string): StreamFrame | undefined {
  try {
    const [kind, stream, code, reason] = JSON.parse(frame) as readonly unknown[];
    const isClose = kind === 'close' && isWhole(stream) && stream <= MAX_NUMBER && isWhole(code) && code >= 1_000 && code < 5_000;
    return isClose && typeof reason === 'string' ? { stream, close: [code, reason.slice(0, MAX_REASON)] } : undefined;
  } catch {
    return undefined;
  }
}

const isWhole = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;

/** Returns the close code and reason that end a stream with an error. */
export function closeOfError(error: unknown): StreamClose {
  if (error instanceof ConnectionLostError) return [error.closeCode, error.reason];
  return [ABANDONED, ''];
}

/** Returns the error of a stream that the other side has closed; undefined for a normal end. */
export function errorOfClose([code, reason]: StreamClose): ConnectionLostError | undefined {
  return code === NORMAL ? undefined : new ConnectionLostError(code, reason);
}

/** Returns the error of a stream whose connection has ended. */
export function lostConnection(error: unknown): unknown {
  return error ?? new ConnectionLostError(ABNORMAL, 'the connection of the stream has ended');
}
