import { fromBase64, toBase64 } from '../../internal/base64.js';
import type { StoredBatch } from './outboxStore.js';
import { keyOf, recordOf } from './records.js';
import { isNumber, readHead, type StoredHead } from './storedHead.js';

/** The part of a `Storage` that an outbox uses. */
export interface StorageLike {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/**
 * The records of one outbox in a storage that it shares with others. The head is written last, and
 * names the generation of its batches: after a crash during a write, the others do not count.
 */
export interface StorageArea {
  head(): unknown;
  /** Returns the batches in rising order, and removes those that do not count. */
  read(): readonly (readonly [last: number, record: unknown])[];
  /**
   * Adds the batches, or replaces all others, and stores the head. Changes nothing if it throws.
   */
  write(head: StoredHead, batches: readonly StoredBatch[], replaces: boolean): void;
  remove(last: number): void;
}

/**
 * The head is padded to this length, so that the store can write it again when the storage is full.
 */
const HEAD_LENGTH = 512;

export function createStorageArea(storage: StorageLike, name: string): StorageArea {
  const headKey = `rxwire:head:${name}`;
  const prefix = `rxwire:batch:${name}:`;
  let generation = 0;

  const key = (last: number): string => `${prefix}${generation}.${last}`;
  const head = (): unknown => parse(storage.getItem(headKey));
  const keys = (): readonly string[] =>
    Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '').filter(
      (found) => found.startsWith(prefix) && /^\d{1,16}\.\d{1,16}$/.test(found.slice(prefix.length)),
    );
  const add = (next: StoredHead, batches: readonly StoredBatch[]): void => {
    const added: string[] = [];
    try {
      for (const batch of batches) {
        const mine = key(keyOf(batch));
        storage.setItem(mine, encode(batch));
        added.push(mine);
      }
      storage.setItem(headKey, JSON.stringify({ ...next, generation }).padEnd(HEAD_LENGTH));
    } catch (error) {
      for (const one of added) storage.removeItem(one);
      throw error;
    }
  };
  const replace = (next: StoredHead, batches: readonly StoredBatch[]): void => {
    const before = keys().map((one) => [one, storage.getItem(one) ?? ''] as const);
    const removeBefore = (): void => before.forEach(([one]) => storage.removeItem(one));
    generation++;
    try {
      add(next, batches);
    } catch {
      // There is no room for both. Only then, a crash in between would lose the batches.
      removeBefore();
      try {
        add(next, batches);
      } catch (error) {
        generation--;
        for (const [one, value] of before) storage.setItem(one, value);
        throw error;
      }
    }
    removeBefore();
  };

  return {
    head,
    read() {
      const found = head();
      const known = readHead(found);
      const { generation: current } = Object(found) as { readonly generation?: unknown };
      generation = isNumber(current) ? current : 0;
      const entries: [last: number, record: unknown][] = [];
      for (const one of keys()) {
        const last = Number(one.slice(one.lastIndexOf('.') + 1));
        if (known && (one !== key(last) || last > known.last)) storage.removeItem(one);
        else entries.push([last, decode(parse(storage.getItem(one)))]);
      }
      return entries.sort(([a], [b]) => a - b);
    },
    write: (next, batches, replaces) => (replaces ? replace : add)(next, batches),
    remove: (last) => storage.removeItem(key(last)),
  };
}

/** Returns the stored text of a record: bytes have a field of their own. */
function encode(batch: StoredBatch): string {
  const { body, ...rest } = recordOf(batch);
  return JSON.stringify(typeof body === 'string' ? { ...rest, body } : { ...rest, bytes: toBase64(body) });
}

function decode(value: unknown): unknown {
  const { bytes, ...rest } = Object(value) as Record<string, unknown>;
  if (typeof bytes !== 'string') return rest;
  try {
    return { ...rest, body: fromBase64(bytes) };
  } catch {
    return undefined;
  }
}

/** Returns the parsed text; `undefined` if there is none, `null` if it is not JSON. */
function parse(text: string | null): unknown {
  if (text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
