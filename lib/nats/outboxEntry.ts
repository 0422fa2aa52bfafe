import { Packr } from 'msgpackr';
import { isOutboxState, type OutboxState } from '../session/store/outboxState.js';
import type { StoredBatch } from '../session/store/outboxStore.js';

/** The state of an outbox. Each entry has it: the latest one counts. */
export interface NatsOutboxHead extends OutboxState {
  /**
   * The sequence number of the first entry whose batches count; 0 if none do; `here` for the entry
   * itself.
   */
  readonly start: number | 'here';
}

/** The batches of one write. */
export interface OutboxWrite {
  /** Whether the batches replace all earlier ones. */
  readonly replaces: boolean;
  readonly batches: readonly StoredBatch[];
}

/**
 * A part of a write: a write that is larger than a message of NATS has several entries, and counts
 * when the last of them is stored.
 */
export interface OutboxEntry {
  /** Identifies the write. */
  readonly write: string;
  readonly index: number;
  readonly isLast: boolean;
  readonly head: NatsOutboxHead;
  readonly part: Uint8Array;
}

const packr = new Packr({ useRecords: false });
const NOTHING = new Uint8Array(0);

export function encodeEntry({ write, index, isLast, head, part }: OutboxEntry): Uint8Array {
  return packr.pack([write, index, isLast, head, part]);
}

/** Returns the entry; `undefined` if the data are none. */
export function decodeEntry(data: Uint8Array): OutboxEntry | undefined {
  const [write, index, isLast, head, part] = unpackList(data) ?? [];
  const isEntry = typeof write === 'string' && Number.isSafeInteger(index) && typeof isLast === 'boolean' && part instanceof Uint8Array;
  return isEntry && isHead(head) ? { write, index: index as number, isLast, head, part } : undefined;
}

/**
 * Returns the parts of a write, each of which has `limit` bytes at most. A write without batches
 * has one part without bytes.
 */
export function partsOf({ replaces, batches }: OutboxWrite, limit: number): readonly Uint8Array[] {
  if (!replaces && batches.length === 0) return [NOTHING];
  const fields = batches.map(({ first, count, delivery, frame }) => [first, count, delivery === 'exactly-once', frame]);
  const whole = packr.pack([replaces, fields]);
  return Array.from({ length: Math.ceil(whole.length / limit) }, (_, index) => whole.subarray(index * limit, (index + 1) * limit));
}

/** Returns the write that has these parts; `undefined` if they are none. */
export function writeOf(parts: readonly Uint8Array[]): OutboxWrite | undefined {
  const whole = Buffer.concat(parts);
  if (whole.length === 0) return { replaces: false, batches: [] };
  const [replaces, fields] = unpackList(whole) ?? [];
  if (typeof replaces !== 'boolean' || !Array.isArray(fields)) return undefined;
  const batches = fields.map(batchOf);
  return batches.every((batch) => batch !== undefined) ? { replaces, batches } : undefined;
}

function batchOf(fields: unknown): StoredBatch | undefined {
  if (!Array.isArray(fields)) return undefined;
  const [first, count, isExactlyOnce, frame] = fields as unknown[];
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count)) return undefined;
  if (typeof frame !== 'string' && !(frame instanceof Uint8Array)) return undefined;
  const delivery = isExactlyOnce === true ? 'exactly-once' : 'at-least-once';
  return { first: first as number, count: count as number, frame: typeof frame === 'string' ? frame : new Uint8Array(frame), delivery };
}

function unpackList(data: Uint8Array): readonly unknown[] | undefined {
  try {
    const value: unknown = packr.unpack(data);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHead(value: unknown): value is NatsOutboxHead {
  if (!isOutboxState(value)) return false;
  const { start } = value as Partial<NatsOutboxHead>;
  return start === 'here' || Number.isSafeInteger(start);
}
