import { Packr } from 'msgpackr';
import { isHelloNumber } from '../session/store/isHelloNumber.js';
import type { HelloNumber, StoredBatch, Ticket } from '../session/store/outboxStore.js';

/** The state of an outbox. Each entry has it: the latest one counts. */
export interface NatsOutboxHead {
  readonly pid: string;
  readonly epoch: number;
  readonly acked: number;
  /** The highest assigned number. */
  readonly last: number;
  /** The highest number that may have been sent. */
  readonly sent: number;
  readonly ticket?: Ticket | undefined;
  /** The latest hello that the owner has answered when it opened the outbox. */
  readonly hello?: HelloNumber | undefined;
  /** The sequence number of the first entry whose batches count; 0 if none do; `here` for the entry itself. */
  readonly start: number | 'here';
}

/** The batches of one write. */
export interface OutboxWrite {
  /** Whether the batches replace all earlier ones. */
  readonly replaces: boolean;
  readonly batches: readonly StoredBatch[];
}

/** A part of a write: a write that is larger than a message of NATS has several entries, and counts when the last of them is stored. */
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

/** Returns the parts of a write, each of which has `limit` bytes at most. A write without batches has one part without bytes. */
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
  const { pid, epoch, acked, last, sent, ticket, hello, start } = Object(value) as { readonly [K in keyof NatsOutboxHead]?: unknown };
  const areNumbers = [epoch, acked, last, sent].every(Number.isSafeInteger) && (start === 'here' || Number.isSafeInteger(start));
  const { sid, rt } = Object(ticket ?? { sid: '', rt: '' }) as { readonly [K in keyof Ticket]?: unknown };
  const isTicket = typeof sid === 'string' && typeof rt === 'string';
  return typeof pid === 'string' && areNumbers && isTicket && (hello == null || isHelloNumber(hello));
}
