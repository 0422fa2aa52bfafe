import { InvalidPayloadError } from '../errors.js';
import type { Message } from '../message/types.js';

/**
 * The maximum weight that a duplex sends before the other side has read any of it. A side that
 * receives more destroys its duplex.
 */
export const DUPLEX_WINDOW = 1024 * 1024;

/** The weight of a part besides its bytes, so that small parts are limited, too. */
const PART_WEIGHT = 256;

/** The maximum length of the reason for which a duplex was destroyed. */
const MAX_REASON = 256;

/**
 * The payload of a message of a duplex. `duplex` identifies the side that has sent the bytes;
 * `taken` and `refused` name the other side.
 */
export type DuplexPart =
  /** Bytes, of which `offset` were sent before. The first part of a side has no bytes. */
  | { readonly duplex: string; readonly offset: number; readonly bytes: Uint8Array }
  /** The end of the bytes. */
  | { readonly duplex: string; readonly offset: number; readonly end: true }
  /** The duplex was destroyed before its end. */
  | { readonly duplex: string; readonly aborted: string }
  /** The weight of the parts that were read. */
  | { readonly duplex: string; readonly taken: number }
  /** There is no duplex for these bytes. */
  | { readonly duplex: string; readonly refused: string };

/** Returns the weight of bytes, or of the end. */
export const weightOf = (bytes?: Uint8Array): number => PART_WEIGHT + (bytes?.length ?? 0);

/** Whether the payload of a message looks like a part. */
export function isDuplexPart(payload: unknown): boolean {
  return typeof (payload as { readonly duplex?: unknown } | null | undefined)?.duplex === 'string';
}

/** @throws {InvalidPayloadError} When the payload is no part. */
export function readPart({ id, type, payload }: Message<string, unknown>): DuplexPart {
  const { duplex, offset, bytes, end, aborted, taken, refused } = Object(payload) as Readonly<Record<string, unknown>>;
  const fail = (reason: string): never => {
    throw new InvalidPayloadError(id, type, reason, [{ message: reason }]);
  };
  if (typeof duplex !== 'string' || duplex.length > MAX_REASON) return fail('"duplex" must be the id of a duplex');
  if (typeof aborted === 'string') return { duplex, aborted: aborted.slice(0, MAX_REASON) };
  if (typeof refused === 'string') return { duplex, refused: refused.slice(0, MAX_REASON) };
  if (taken !== undefined) return isCount(taken) ? { duplex, taken } : fail('"taken" must be a whole number');
  if (!isCount(offset)) return fail('"offset" must be a whole number');
  if (end === true) return { duplex, offset, end };
  return bytes instanceof Uint8Array ? { duplex, offset, bytes } : fail('"bytes" must be bytes');
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
