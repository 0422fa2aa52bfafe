import { ProtocolError } from '../../../lib/errors.js';
import type { NumberedRejection, Rejection } from '../../../lib/session/store/inbox.js';
import { whole } from './handshake.js';

/** The maximum number of rejections in a frame. */
export const MAX_REJECTIONS = 32;
/** The maximum length of the code and of the reason of a rejection, in characters. */
const MAX_CODE = 64;
const MAX_REASON = 200;
const KINDS: readonly unknown[] = ['dead-lettered', 'refused', 'undecodable'];

/** Returns the fields of a rejection as an array: number, kind, code, reason. */
export function rejectionFields({ number, kind, code, reason }: NumberedRejection): RejectionFields {
  return [number, kind, code.slice(0, MAX_CODE), reason.slice(0, MAX_REASON)];
}

/**
 * Parses the rejections of a frame or of a stored cursor.
 * @throws {ProtocolError} When a field is
 * out of range.
 */
export function readRejections(value: unknown): readonly NumberedRejection[] {
  if (!Array.isArray(value) || value.length > MAX_REJECTIONS) throw new ProtocolError('the reject is invalid');
  return value.map(readRejection);
}

/** @throws {ProtocolError} When a field is out of range. */
export function readRejection(value: unknown): NumberedRejection {
  if (!isRejection(value)) throw new ProtocolError('the reject is invalid');
  const [number, kind, code, reason] = value;
  return { number: whole(number, 'number'), kind, code, reason };
}

export type RejectionFields = readonly [number: number, kind: Rejection['kind'], code: string, reason: string];

/** Returns whether a value has the fields of a rejection. */
export function isRejection(value: unknown): value is RejectionFields {
  const [number, kind, code, reason] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return Number.isSafeInteger(number) && KINDS.includes(kind) && isText(code, MAX_CODE) && isText(reason, MAX_REASON);
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length <= max;
}
