import type { StoredBatch } from '../session/store/outboxStore.js';
import { decodeEntry, writeOf, type NatsOutboxHead, type OutboxEntry } from './outboxEntry.js';
import type { SubjectStore } from './subjectStore.js';
import type { SubjectEntry } from './subjectStream.js';

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
