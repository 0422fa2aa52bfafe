import { throwError } from 'rxjs';
import { fromBase64, toBase64 } from '../../internal/base64.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import { browserStoreError } from './browserStoreError.js';
import { isNumber } from './storedHead.js';
import {
  ALL_KEYS,
  noEffects,
  type ChangedLog,
  type Log,
  type LogChange,
  type LogRange,
  type Store,
  type StoreTransaction,
} from './store.js';

/** The part of a `Storage` that a store uses. */
export interface StorageLike {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/**
 * The stored state of a log. It is written last, and names the generation of its entries: after a
 * crash during a write, the others do not count.
 */
interface Row {
  readonly head: unknown;
  /** The highest key of its generation. Higher keys do not count. */
  readonly last: number;
  readonly generation: number;
}

/**
 * Rows are padded to this length, so that the store can write them again when the storage is full.
 */
const ROW_LENGTH = 544;
const NAME = 'web-storage';

type Added = Required<NonNullable<LogChange['put']>[number]>;

/**
 * One log in a storage that it shares with others. Everything is synchronous. The first call must
 * read the whole log, and each change has a head.
 */
export function webStore(storage: StorageLike, log: string): Store {
  const stored = new WebLog(storage, log);
  const transaction: StoreTransaction = {
    read: (_, range) => stored.read(range),
    change: (_, change) => stored.change(change),
    perform: noEffects,
  };
  const run = <T>(work: () => MaybeAsync<T>): MaybeAsync<T> => {
    try {
      return work();
    } catch (cause) {
      return throwError(() => browserStoreError(NAME, cause));
    }
  };
  return {
    name: NAME,
    transact: (work) => run(() => work(transaction)),
    read: (_, range) => run(() => stored.read(range)),
    count: () => stored.read().entries.length,
    close: () => undefined,
  };
}

class WebLog {
  readonly #storage: StorageLike;
  readonly #rowKey: string;
  readonly #prefix: string;
  #generation = 0;
  #last = 0;
  /** The keys of the entries, in rising order. */
  #keys: number[] = [];

  constructor(storage: StorageLike, log: string) {
    this.#storage = storage;
    this.#rowKey = `rxwire:head:${log}`;
    this.#prefix = `rxwire:batch:${log}:`;
  }
  read({ after = 0, limit = Infinity }: LogRange = {}): Log {
    const found = parse(this.#storage.getItem(this.#rowKey));
    const row = readRow(found);
    if (!row && isEarlierHead(found)) throw new Error('an earlier version has written the data: remove it');
    if (limit > 0) this.#load(row);
    const keys = limit > 0 ? this.#keys.filter((key) => key > after).slice(0, limit) : [];
    const valueOf = (key: number): unknown => decode(parse(this.#storage.getItem(this.#nameOf(key))));
    const head = row ? row.head : found === undefined ? undefined : null;
    return { head, last: this.#last, entries: keys.map((key) => ({ key, value: valueOf(key) })) };
  }
  change({ head, drop = [], put = [] }: LogChange): ChangedLog {
    let next = this.#last;
    const added = put.map(({ key = ++next, value }) => ({ key, value }));
    const isReplaced = drop.includes(ALL_KEYS);
    if (isReplaced) this.#replace(head, added);
    else this.#add(head, added);
    const dropped = isReplaced ? this.#keys.splice(0).length : drop.reduce((sum, range) => sum + this.#remove(range), 0);
    for (const { key } of added) this.#keys.push(key);
    this.#last = Math.max(this.#last, this.#keys.at(-1) ?? 0);
    return { dropped, evicted: [] };
  }
  /** Reads the keys, and removes the entries that do not count. */
  #load(row: Row | undefined): void {
    const { generation, last } = row ?? { generation: 0, last: 0 };
    [this.#generation, this.#last, this.#keys] = [generation, last, []];
    for (const name of this.#names()) {
      const [of, key = 0] = this.#partsOf(name);
      if (row && (of !== generation || key > last)) this.#storage.removeItem(name);
      else this.#keys.push(key);
    }
    this.#keys.sort((a, b) => a - b);
  }
  #nameOf(key: number): string {
    return `${this.#prefix}${this.#generation}.${key}`;
  }
  #partsOf(name: string): readonly number[] {
    return name.slice(this.#prefix.length).split('.').map(Number);
  }
  #names(): readonly string[] {
    const names = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index) ?? '');
    return names.filter((name) => name.startsWith(this.#prefix) && /^\d{1,16}\.\d{1,16}$/.test(name.slice(this.#prefix.length)));
  }
  /** Adds entries, and stores the row. Changes nothing if it throws. */
  #add(head: unknown, put: readonly Added[]): void {
    const added: string[] = [];
    try {
      for (const { key, value } of put) {
        this.#storage.setItem(this.#nameOf(key), JSON.stringify(encode(value)));
        added.push(this.#nameOf(key));
      }
      const row: Row = { head, last: Math.max(this.#last, put.at(-1)?.key ?? 0), generation: this.#generation };
      this.#storage.setItem(this.#rowKey, JSON.stringify(row).padEnd(ROW_LENGTH));
    } catch (error) {
      for (const name of added) this.#storage.removeItem(name);
      throw error;
    }
  }
  /** Puts entries in the place of all others. */
  #replace(head: unknown, put: readonly Added[]): void {
    const before = this.#names().map((name) => [name, this.#storage.getItem(name) ?? ''] as const);
    const removeBefore = (): void => before.forEach(([name]) => this.#storage.removeItem(name));
    const [generation, last] = [this.#generation, this.#last];
    this.#generation = before.reduce((highest, [name]) => Math.max(highest, this.#partsOf(name)[0] ?? 0), generation) + 1;
    this.#last = 0;
    try {
      this.#add(head, put);
    } catch {
      // There is no room for both. Only then, a crash in between would lose the entries.
      removeBefore();
      try {
        this.#add(head, put);
      } catch (error) {
        [this.#generation, this.#last] = [generation, last];
        for (const [name, value] of before) this.#storage.setItem(name, value);
        throw error;
      }
    }
    removeBefore();
  }
  #remove([from, to]: readonly [number, number]): number {
    const start = this.#keys.findIndex((key) => key >= from);
    const end = this.#keys.findIndex((key) => key > to);
    const removed = start < 0 ? [] : this.#keys.splice(start, (end < 0 ? this.#keys.length : end) - start);
    for (const key of removed) this.#storage.removeItem(this.#nameOf(key));
    return removed.length;
  }
}

/** Returns whether a value is the head of an outbox as earlier versions have stored it. */
function isEarlierHead(value: unknown): boolean {
  return typeof (Object(value) as { readonly pid?: unknown }).pid === 'string';
}

function readRow(value: unknown): Row | undefined {
  const { head, last, generation } = Object(value) as Partial<Record<keyof Row, unknown>>;
  return isNumber(last) && isNumber(generation) ? { head, last, generation } : undefined;
}

/** Returns a value for JSON: the bytes of a body have a field of their own. */
function encode(value: unknown): unknown {
  const { body, ...rest } = value as Readonly<Record<string, unknown>>;
  return body instanceof Uint8Array ? { ...rest, bytes: toBase64(body) } : value;
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
