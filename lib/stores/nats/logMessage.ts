import { StoreError } from '../../message/errors.js';
import { packValue, unpackValue } from '../packedValue.js';
import { isNumber } from '../store.js';

/** The state of a log without its entries. Each message has it: the latest one counts. */
export interface LogMessageRow {
  readonly head: unknown;
  /** The highest key that was ever used. */
  readonly last: number;
  /** The number of the first message whose entries count; 0: none; `here`: this one. */
  readonly start: number | 'here';
}

export interface EntryChange {
  readonly drop: readonly (readonly [from: number, to: number])[];
  readonly put: readonly (readonly [key: number, value: unknown])[];
}

/**
 * A part of a write: a write that is larger than a message of NATS has several, and counts when the
 * last of them is stored.
 */
export interface LogMessage {
  /** Identifies the write. */
  readonly write: string;
  readonly index: number;
  readonly isLast: boolean;
  /** The row after the write in its last part; the row before it in the others. */
  readonly row: LogMessageRow;
  readonly part: Uint8Array;
}

const NO_CHANGE: EntryChange = { drop: [], put: [] };
const NOTHING = new Uint8Array(0);

export function encodeMessage({ write, index, isLast, row: { head, last, start }, part }: LogMessage): Uint8Array {
  return packValue([write, index, isLast, [head, last, start], part]);
}

/**
 * Returns the message; `undefined` if the data are none.
 * @throws {StoreError} `failed`, if an earlier version has written it.
 */
export function decodeMessage(data: Uint8Array): LogMessage | undefined {
  const found = unpackValue(data);
  const [write, index, isLast, row, part] = Array.isArray(found) ? (found as readonly unknown[]) : [];
  if ((Object(found) as { write?: unknown }).write !== undefined || (Object(row) as { pid?: unknown }).pid !== undefined)
    throw new StoreError('nats', 'failed', new Error('an earlier version of rxwire has written the streams of this name: delete them'));
  const [head, last, start] = Array.isArray(row) ? (row as readonly unknown[]) : [];
  const isRow = isNumber(last) && (start === 'here' || isNumber(start));
  if (typeof write !== 'string' || !isNumber(index) || typeof isLast !== 'boolean' || !isRow || !(part instanceof Uint8Array))
    return undefined;
  return { write, index, isLast, row: { head, last, start }, part };
}

/**
 * Returns the parts of a change, each of which has `limit` bytes at most. A change without entries
 * has one part without bytes.
 */
export function partsOf({ drop, put }: EntryChange, limit: number): readonly Uint8Array[] {
  if (drop.length === 0 && put.length === 0) return [NOTHING];
  const whole = packValue([drop, put]);
  return Array.from({ length: Math.ceil(whole.length / limit) }, (_, index) => whole.subarray(index * limit, (index + 1) * limit));
}

/** Returns the change that has these parts; `undefined` if they are none. */
export function changeOf(parts: readonly Uint8Array[]): EntryChange | undefined {
  const whole = Buffer.concat(parts);
  if (whole.length === 0) return NO_CHANGE;
  const found = unpackValue(whole);
  const [drop, put] = Array.isArray(found) ? (found as readonly unknown[]) : [];
  return Array.isArray(drop) && Array.isArray(put) ? { drop, put } : undefined;
}
