import { fromBase64, toBase64 } from '../../internal/base64.js';
import { keyOf, recordOf, type BatchRecord, type Head } from './records.js';
import type { StoredBatch } from './outboxStore.js';

/** The part of a `Storage` that an outbox uses. */
export interface StorageLike {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** The records of one outbox in a storage that it shares with others. */
export interface StorageArea {
  head(): unknown;
  setHead(head: Head): void;
  /** Returns the keys of the batches, in rising order. */
  keys(): readonly number[];
  batch(last: number): unknown;
  /** Adds all batches, or none if it throws. */
  add(batches: readonly StoredBatch[]): void;
  /** Replaces all other batches by these, or none if it throws. */
  replace(batches: readonly StoredBatch[]): void;
  remove: (last: number) => void;
}

/**
 * The head is padded to this length, so that the store can write it again when the storage is full.
 */
const HEAD_LENGTH = 320;

export function createStorageArea(storage: StorageLike, name: string): StorageArea {
  const headKey = `rxwire:head:${name}`;
  const prefix = `rxwire:batch:${name}:`;
  const key = (last: number): string => `${prefix}${last}`;

  const keys = (): readonly number[] =>
    Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '')
      .filter((found) => found.startsWith(prefix) && /^\d{1,16}$/.test(found.slice(prefix.length)))
      .map((found) => Number(found.slice(prefix.length)))
      .sort((a, b) => a - b);
  const remove = (last: number): void => storage.removeItem(key(last));
  const add = (batches: readonly StoredBatch[]): void => {
    const added: number[] = [];
    try {
      for (const batch of batches) {
        storage.setItem(key(keyOf(batch)), encode(recordOf(batch)));
        added.push(keyOf(batch));
      }
    } catch (error) {
      added.forEach(remove);
      throw error;
    }
  };
  const replace = (batches: readonly StoredBatch[]): void => {
    const before = keys().map((last) => [key(last), storage.getItem(key(last)) ?? ''] as const);
    // Removes the old batches first: there may be no room for both.
    for (const [one] of before) storage.removeItem(one);
    try {
      add(batches);
    } catch (error) {
      for (const [one, value] of before) storage.setItem(one, value);
      throw error;
    }
  };

  return {
    head: () => parse(storage.getItem(headKey)),
    setHead: (head) => storage.setItem(headKey, JSON.stringify(head).padEnd(HEAD_LENGTH)),
    keys,
    batch: (last) => decode(parse(storage.getItem(key(last)))),
    add,
    replace,
    remove,
  };
}

/** Returns the stored text of a record: bytes have a field of their own. */
function encode({ frame, ...rest }: BatchRecord): string {
  return JSON.stringify(typeof frame === 'string' ? { ...rest, frame } : { ...rest, bytes: toBase64(frame) });
}

function decode(value: unknown): unknown {
  const { bytes, ...rest } = Object(value) as Record<string, unknown>;
  if (typeof bytes !== 'string') return rest;
  try {
    return { ...rest, frame: fromBase64(bytes) };
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
