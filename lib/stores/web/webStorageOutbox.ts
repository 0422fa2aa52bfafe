import { assertPositive, checkOptions } from '../../message/development.js';
import type { StoreError } from '../../message/errors.js';
import { fromBase64, toBase64 } from '../../message/bytes.js';
import { delivered } from '../../message/maybeAsync.js';
import { exclusive, type ExclusiveOptions } from './exclusive.js';
import type { OutboxStore } from '../outboxStore.js';
import { ALL_KEYS, isNumber, noEffects, type ChangedLog, type Log, type LogChange, type LogRange, type Store } from '../store.js';
import { storedOutbox } from '../log/storedOutbox.js';
import { browserStoreError } from '../storeErrors.js';

export interface WebStorageOutboxOptions extends ExclusiveOptions {
  /**
   * The storage. Do not use `sessionStorage`: a duplicated tab would be a second owner of the same
   * outbox.
   * @default localStorage
   */
  readonly storage?: StorageLike | undefined;
  /** The maximum number of messages. @default 10_000 */
  readonly maxMessages?: number;
  /**
   * The maximum size of its batches in bytes. A site has room for about 5 million characters, and 3
   * bytes take 4.
   * @default 2_097_152: 2 MiB
   */
  readonly maxBytes?: number;
}

/**
 * Creates an outbox in `localStorage`. It survives reloads and crashes of the page, and is
 * synchronous. One tab at a time owns it, as with {@link exclusive}. Without locks, two tabs that
 * write at the same instant may both succeed. The browser writes to the disk with a delay: if the
 * browser itself crashes, the writes of the last seconds may be lost.
 *
 * If no storage is available (disabled, private mode, Node), `open` fails with `failed`.
 *
 * @param name Identifies the outbox: one name for each sender of this site.
 * @throws {RangeError} At call time, if a limit is not positive.
 * @example
 * import { webStorageOutbox } from 'rxwire';
 *
 * const store = webStorageOutbox('orders', { maxBytes: 500_000 });
 */
export function webStorageOutbox(name: string, options: WebStorageOutboxOptions = {}): OutboxStore {
  checkOptions('webStorageOutbox', options);
  const { storage, maxMessages = 10_000, maxBytes = 2_097_152, ...lock } = options;
  assertPositive('webStorageOutbox', { maxMessages, maxBytes });
  const openStore = (): Store => webStore(storage ?? browserStorage(), name);
  const outbox = storedOutbox({ name: 'web-storage', log: name, maxMessages, maxBytes, openStore });
  const exists = () => (storage ?? browserStorage()).getItem(rowKeyOf(name)) !== null;
  return exclusive({ ...outbox, exists }, `web-storage:${name}`, lock);
}

/**
 * Returns `localStorage`. Its getter throws if the storage is disabled; Node has none.
 *
 * @throws {StoreError} `failed`
 */
function browserStorage(): StorageLike {
  try {
    const { localStorage } = globalThis as { readonly localStorage?: StorageLike };
    if (localStorage) return localStorage;
  } catch (cause) {
    throw browserStoreError('web-storage', cause);
  }
  throw browserStoreError('web-storage', new Error('localStorage is not available'));
}

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

const rowKeyOf = (log: string): string => `rxwire:head:${log}`;

/** Rows are padded to this length, so that a full storage takes them again. */
const ROW_LENGTH = 544;

type Added = Required<NonNullable<LogChange['put']>[number]>;

/**
 * One log in a storage that it shares with others. Everything is synchronous. The first transaction
 * must read the whole log, and each change has a head.
 */
export function webStore(storage: StorageLike, log: string): Store {
  const rowKey = rowKeyOf(log);
  const prefix = `rxwire:batch:${log}:`;
  let generation = 0;
  let last = 0;
  let keys: number[] = [];

  const nameOf = (key: number): string => `${prefix}${generation}.${key}`;
  const removeAll = (names: readonly string[]): void => names.forEach((name) => storage.removeItem(name));
  const read = (_: string, { after = 0, limit = Infinity }: LogRange = {}): Log => {
    const found = parse(storage.getItem(rowKey));
    const row = readRow(found);
    if (limit > 0) {
      ({ generation, last } = row ?? { generation: 0, last: 0 });
      const entries = entriesIn(storage, prefix);
      const counts = entries.filter((entry) => !row || (entry.generation === generation && entry.key <= last));
      removeAll(entries.filter((entry) => !counts.includes(entry)).map(({ name }) => name));
      keys = counts.map(({ key }) => key).sort((a, b) => a - b);
    }
    const wanted = limit > 0 ? keys.filter((key) => key > after).slice(0, limit) : [];
    const entries = wanted.map((key) => ({ key, value: decode(parse(storage.getItem(nameOf(key)))) }));
    return { head: row ? row.head : found === undefined ? found : null, last, entries };
  };
  /** Adds entries, and stores the row. Changes nothing if it throws. */
  const add = (head: unknown, put: readonly Added[]): void => {
    const added: string[] = [];
    try {
      for (const { key, value } of put) {
        storage.setItem(nameOf(key), JSON.stringify(encode(value)));
        added.push(nameOf(key));
      }
      const row: Row = { head, last: Math.max(last, put.at(-1)?.key ?? 0), generation };
      storage.setItem(rowKey, JSON.stringify(row).padEnd(ROW_LENGTH));
      last = row.last;
    } catch (error) {
      removeAll(added);
      throw error;
    }
  };
  /** Puts entries in the place of all others. */
  const replace = (head: unknown, put: readonly Added[]): void => {
    const before = entriesIn(storage, prefix).map((entry) => ({ ...entry, text: storage.getItem(entry.name) ?? '' }));
    const removeBefore = (): void => removeAll(before.map(({ name }) => name));
    const stored = { generation, last };
    for (const entry of before) generation = Math.max(generation, entry.generation);
    generation++;
    last = 0;
    try {
      add(head, put);
    } catch {
      // There is no room for both. Only then, a crash in between would lose the entries.
      removeBefore();
      try {
        add(head, put);
      } catch (error) {
        ({ generation, last } = stored);
        for (const { name, text } of before) storage.setItem(name, text);
        throw error;
      }
    }
    removeBefore();
  };
  const change = (_: string, { head, drop = [], put = [] }: LogChange): ChangedLog => {
    let next = last;
    const added = put.map(({ key = ++next, value }) => ({ key, value }));
    const isReplaced = drop.includes(ALL_KEYS);
    (isReplaced ? replace : add)(head, added);
    const dropped = isReplaced ? keys : drop.flatMap((range) => cut(keys, range));
    if (isReplaced) keys = [];
    else removeAll(dropped.map(nameOf));
    for (const { key } of added) keys.push(key);
    return { evicted: [] };
  };
  const errorOf = (cause: unknown): StoreError => browserStoreError('web-storage', cause);
  return {
    name: 'web-storage',
    transact: (_, work) => delivered(() => work({ read, change, perform: noEffects }), errorOf),
    close: () => undefined,
  };
}

function entriesIn(storage: StorageLike, prefix: string) {
  const names = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '');
  return names.flatMap((name) => {
    const [, generation, key] = (name.startsWith(prefix) && /^(\d{1,16})\.(\d{1,16})$/.exec(name.slice(prefix.length))) || [];
    return key === undefined ? [] : { name, generation: Number(generation), key: Number(key) };
  });
}

function cut(keys: number[], [from, to]: readonly [number, number]): readonly number[] {
  const start = keys.findIndex((key) => key >= from);
  const end = keys.findIndex((key) => key > to);
  return start < 0 ? [] : keys.splice(start, (end < 0 ? keys.length : end) - start);
}

/** @throws {Error} If an earlier version has written it. */
function readRow(value: unknown): Row | undefined {
  const { head, last, generation, pid } = Object(value) as Partial<Record<keyof Row | 'pid', unknown>>;
  if (pid) throw new Error('an earlier version has written the data: remove it');
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
