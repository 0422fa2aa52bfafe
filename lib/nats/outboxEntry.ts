import { Packr } from 'msgpackr';
import type { OutboxWrite, StoredBatch } from '../session/store/outboxStore.js';
import { isNumber, readHead, type StoredHead } from '../session/store/storedHead.js';
import type { SubjectStore } from './subjectStore.js';
import type { SubjectEntry } from './subjectStream.js';

/** The head of an outbox. Each entry has it: the latest one counts. */
export interface NatsOutboxHead extends StoredHead {
  /**
   * The sequence number of the first entry whose batches count; 0 if none do; `here` for the entry
   * itself.
   */
  readonly start: number | 'here';
}

/** The batches of one write, without the head. */
type EntryBatches = Pick<OutboxWrite, 'replaces' | 'batches'>;

/**
 * A part of a write: a write that is larger than a message of NATS has several entries, and counts
 * when the last of them is stored.
 */
interface OutboxEntry {
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
  const found = readNatsHead(head);
  return isEntry && found ? { write, index: index as number, isLast, head: found, part } : undefined;
}

/**
 * Returns the parts of a write, each of which has `limit` bytes at most. A write without batches
 * has one part without bytes.
 */
export function partsOf({ replaces, batches }: EntryBatches, limit: number): readonly Uint8Array[] {
  if (!replaces && batches.length === 0) return [NOTHING];
  const fields = batches.map(({ first, count, level, body }) => [first, count, level === 'exactly-once', body]);
  const whole = packr.pack([replaces, fields]);
  return Array.from({ length: Math.ceil(whole.length / limit) }, (_, index) => whole.subarray(index * limit, (index + 1) * limit));
}

/** Returns the write that has these parts; `undefined` if they are none. */
function writeOf(parts: readonly Uint8Array[]): EntryBatches | undefined {
  const whole = Buffer.concat(parts);
  if (whole.length === 0) return { replaces: false, batches: [] };
  const [replaces, fields] = unpackList(whole) ?? [];
  if (typeof replaces !== 'boolean' || !Array.isArray(fields)) return undefined;
  const batches = fields.map(batchOf);
  return batches.every((batch) => batch !== undefined) ? { replaces, batches } : undefined;
}

function batchOf(fields: unknown): StoredBatch | undefined {
  if (!Array.isArray(fields)) return undefined;
  const [first, count, isExactlyOnce, body] = fields as unknown[];
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count)) return undefined;
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return undefined;
  const level = isExactlyOnce === true ? 'exactly-once' : 'at-least-once';
  return { first: first as number, count: count as number, body: typeof body === 'string' ? body : new Uint8Array(body), level };
}

function unpackList(data: Uint8Array): readonly unknown[] | undefined {
  try {
    const value: unknown = packr.unpack(data);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function readNatsHead(value: unknown): NatsOutboxHead | undefined {
  const head = readHead(value);
  const { start } = Object(value) as Partial<NatsOutboxHead>;
  return head && (start === 'here' || isNumber(start)) ? { ...head, start } : undefined;
}

/** The stored batches of one write that are not acked. */
export interface StoredWrite {
  /** The sequence number of the first entry of the write. */
  readonly seq: number;
  readonly batches: readonly StoredBatch[];
}

/** The stored state of an outbox. */
export interface StoredOutbox {
  /** `undefined` if nothing is stored, or the latest entry is unreadable. */
  readonly head: NatsOutboxHead | undefined;
  /** The sequence number of the latest entry; 0 if there is none. */
  readonly seq: number;
  readonly writes: readonly StoredWrite[];
  /** The number of unreadable entries. */
  readonly corrupt: number;
}

/**
 * Reads an outbox. The latest entry contains the position of the first batch, so an outbox without
 * batches needs one request.
 */
export async function readOutbox(store: SubjectStore, name: string): Promise<StoredOutbox> {
  const latest = await store.last(name);
  if (!latest) return { head: undefined, seq: 0, writes: [], corrupt: 0 };
  const { seq } = latest;
  const entry = decodeEntry(latest.data);
  if (!entry) return { head: undefined, seq, writes: [], corrupt: 1 };
  const { head } = entry;
  const entries: SubjectEntry[] = [];
  let from = head.start === 'here' ? seq : head.start;
  while (from > 0 && from < seq) {
    const found = await store.next(name, from);
    if (!found || found.seq >= seq) break;
    entries.push(found);
    from = found.seq + 1;
  }
  if (head.start !== 0) entries.push(latest);
  return { head, seq, ...writesIn(entries, head) };
}

/**
 * Puts the entries together to writes. A write whose last entry is missing does not count: the
 * process has died meanwhile.
 */
function writesIn(entries: readonly SubjectEntry[], { acked }: NatsOutboxHead): Pick<StoredOutbox, 'writes' | 'corrupt'> {
  let [writes, corrupt]: [StoredWrite[], number] = [[], 0];
  let parts: { readonly seq: number; readonly entry: OutboxEntry }[] = [];
  for (const { seq, data } of entries) {
    const entry = decodeEntry(data);
    if (!entry) {
      corrupt++;
      continue;
    }
    if (parts[0]?.entry.write !== entry.write) parts = [];
    parts.push({ seq, entry });
    if (!entry.isLast) continue;
    const write = parts.length === entry.index + 1 ? writeOf(parts.map(({ entry: { part } }) => part)) : undefined;
    if (!write) corrupt++;
    if (write?.replaces) writes = [];
    const batches = write?.batches.filter(({ first, count }) => first + count - 1 > acked) ?? [];
    if (batches.length > 0) writes.push({ seq: (parts[0] as { readonly seq: number }).seq, batches });
    parts = [];
  }
  return { writes, corrupt };
}
