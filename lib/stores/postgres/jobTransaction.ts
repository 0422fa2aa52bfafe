import type { AsyncSubject } from 'rxjs';
import { asObservable, chain, isLater, type MaybeAsync } from '../../message/maybeAsync.js';
import type { ChangedLog, Log, LogChange, LogEntry, LogRange, StoreTransaction } from '../store.js';
import { packText, unpackText, type LogStatements } from './postgresSchema.js';
import type { PostgresTransaction } from './postgresTransaction.js';

export interface LogJob {
  readonly log: string;
  readonly work: (transaction: JobTransaction) => MaybeAsync<unknown>;
  readonly size: number;
  readonly result: AsyncSubject<unknown>;
}

/** The row of a log that the transaction has locked, or that this process has written before. */
export interface Row {
  /** Rises with each write; 0 if the log does not exist. */
  version: number;
  isLocked: boolean;
  head: unknown;
  last: number;
  /** The new head, packed. @default the head stays */
  newHead: string | undefined;
  isChanged: boolean;
}

export type Send = (text: string, values?: readonly unknown[]) => Promise<readonly unknown[]>;

/** An effect of a job. It runs after the changes of the logs: no other owner has written then. */
export interface JobEffect {
  readonly job: LogJob;
  readonly effect: (transaction: PostgresTransaction) => unknown;
  readonly onFailed: (() => void) | undefined;
}

export interface Shared {
  readonly send: Send;
  readonly statements: LogStatements;
  readonly rows: Map<string, Row | Promise<Row>>;
  readonly drop: object[];
  readonly put: object[];
  readonly effects: JobEffect[];
  readonly stale: Set<LogJob>;
}

export type FoundRow = Readonly<Record<'name' | 'is_locked' | 'head' | 'last' | 'version', unknown>>;

export function foundRowOf(found: FoundRow | undefined): Row {
  const head = typeof found?.head === 'string' ? (unpackText(found.head) ?? null) : undefined;
  return {
    version: Number(found?.version ?? 0),
    isLocked: true,
    head,
    last: Number(found?.last ?? 0),
    newHead: undefined,
    isChanged: false,
  };
}

// eslint-disable-next-line no-restricted-syntax -- each commit has one, and closures are slower
export class JobTransaction implements StoreTransaction<PostgresTransaction> {
  readonly #shared: Shared;
  readonly #job: LogJob;
  constructor(shared: Shared, job: LogJob) {
    this.#shared = shared;
    this.#job = job;
  }
  read(log: string, range: LogRange = {}): MaybeAsync<Log> {
    const { head, last } = this.#shared.rows.get(log) as Row;
    return range.limit === 0 ? { head, last, entries: [] } : asObservable(() => this.#readEntries(log, head, last, range));
  }
  change(log: string, change: LogChange): MaybeAsync<ChangedLog> {
    const row = this.#shared.rows.get(log) ?? this.#lock(log);
    return isLater(row) ? chain(row, (found) => this.#changeRow(log, found, change)) : this.#changeRow(log, row, change);
  }
  perform(effect: JobEffect['effect'], onFailed?: () => void): void {
    this.#shared.effects.push({ job: this.#job, effect, onFailed });
  }
  async count(log: string): Promise<number> {
    const { send, statements } = this.#shared;
    const [row] = await send(statements.count, [log]);
    return Number((row as { readonly count: unknown }).count);
  }
  #lock(log: string): Promise<Row> {
    const { send, statements, rows } = this.#shared;
    void send(statements.create, [log]);
    const locked = send(statements.lockOne, [log]).then(([row]) => foundRowOf(row as FoundRow));
    rows.set(log, locked);
    return locked;
  }
  async #readEntries(log: string, head: unknown, last: number, { after = -1, limit = Infinity }: LogRange): Promise<Log> {
    const { send, statements } = this.#shared;
    const found = await send(statements.read, [log, String(after), limit < Infinity ? String(limit) : null]);
    return { head, last, entries: entriesIn(found) };
  }
  #changeRow(log: string, row: Row, change: LogChange): MaybeAsync<ChangedLog> {
    const { drop, put } = this.#shared;
    row.isChanged = true;
    if (change.head !== undefined) {
      row.head = change.head;
      row.newHead = packText(change.head);
    }
    for (const [low, high] of change.drop ?? []) drop.push({ log, low, high: Math.min(high, Number.MAX_SAFE_INTEGER) });
    for (const { key = row.last + 1, value } of change.put ?? []) {
      put.push({ log, key, value: packText(value) });
      row.last = Math.max(row.last, key);
    }
    const { maxCount = Infinity } = change;
    return maxCount < Infinity ? asObservable(() => this.#evict(log, maxCount)) : NOTHING_EVICTED;
  }
  async #evict(log: string, maxCount: number): Promise<ChangedLog> {
    storeEntries(this.#shared);
    const { send, statements } = this.#shared;
    return { evicted: entriesIn(await send(statements.evict, [log, String(maxCount)])) };
  }
}

const NOTHING_EVICTED: ChangedLog = { evicted: [] };

export function storeEntries({ send, statements, drop, put }: Shared): void {
  if (drop.length > 0) void send(statements.drop, [JSON.stringify(drop.splice(0))]);
  if (put.length > 0) void send(statements.put, [JSON.stringify(put.splice(0))]);
}

function entriesIn(rows: readonly unknown[]): readonly LogEntry[] {
  const entries = rows
    .map((row) => row as Record<'key' | 'value', unknown>)
    .map(({ key, value }) => ({ key: Number(key), value: unpackText(value) }));
  return entries.sort((one, other) => one.key - other.key);
}
