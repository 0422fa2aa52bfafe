import { map, type Observable } from 'rxjs';
import { StoreError, type StoreFault } from '../errors.js';
import type { HelloNumber, StoredBatch, Ticket } from '../session/store/outboxStore.js';
import { createLastUsedIndex, type LastUsedIndex } from './lastUsedIndex.js';
import { countOf, readValue, type Databases } from './lmdbDatabases.js';
import type { LmdbEnvironment } from './lmdbEnvironment.js';
import { isOutboxHead, type OutboxHead } from './outboxHead.js';
import { createOutboxRows, lastOf, usageOf, type StoredOutbox, type OutboxRows, type Usage } from './outboxRows.js';
import type { StoreClock } from './storeClock.js';

export interface OutboxOwnerOptions {
  readonly name: string;
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** The time after which an unused outbox is removed, in ms. */
  readonly ttl: number;
  /** The maximum number of outboxes. */
  readonly maxOutboxes: number;
  /** Returns the clock of the store, by which unused outboxes expire. */
  readonly clock: (databases: Databases) => StoreClock;
}

/** The owner of an outbox, until another opens it. */
export interface OutboxOwner {
  /**
   * Becomes the owner; earlier owners fail from then on.
   * @throws {StoreError} Delivered: `fenced`,
   * if the owner has answered a later hello.
   */
  takeOwnership(hello?: HelloNumber): Observable<StoredOutbox>;
  append(batches: readonly StoredBatch[]): Observable<void>;
  trim(acked: number): Observable<void>;
  replace(acked: number, batches: readonly StoredBatch[], sent: number): Observable<void>;
  mark(sent: number): Observable<void>;
  remember(ticket: Ticket): Observable<void>;
}

/** The number of index steps in a ttl: hours of 30 days. */
const STEPS_PER_TTL = 720;

/** @param onFault Called when the head was lost or could not be read, and is stored again. */
export function createOutboxOwner(
  environment: LmdbEnvironment,
  options: OutboxOwnerOptions,
  onFault: (fault: StoreFault) => void,
): OutboxOwner {
  const rows = createOutboxRows(environment.databases, options.name, createOutboxIndex(environment, options));
  let usage: Usage = { messages: 0, bytes: 0 };

  /**
   * Runs changes as the owner; `work` returns the increase of usage. Several changes may share a
   * transaction.
   */
  const change = (work: (rows: OutboxRows, head: OutboxHead) => Partial<Usage>): Observable<void> =>
    environment
      .write(() => {
        const { head, fault } = rows.readHead();
        if (fault === 'evicted') usage = { messages: 0, bytes: 0 };
        return { more: work(rows, head), fault };
      })
      .pipe(
        map(({ more, fault }) => {
          usage = addUsage(usage, more, 1);
          if (fault) onFault(fault);
        }),
      );
  return {
    takeOwnership: (hello) =>
      environment
        .write(() => rows.takeOwnership(hello))
        .pipe(
          map((found) => {
            usage = usageOf(found.batches);
            return found;
          }),
        ),
    append: (batches) =>
      change((records, head) => {
        const more = assertQuota(batches, usage, options);
        records.put(batches);
        records.setHead({ ...head, last: Math.max(head.last, lastOf(batches)) });
        return more;
      }),
    trim: (acked) =>
      change((records, head) => {
        if (acked <= head.acked) return {};
        records.setHead({ ...head, acked });
        return addUsage({}, records.removeUpTo(acked), -1);
      }),
    replace: (acked, batches, sent) =>
      change((records, head) => {
        const more = assertQuota(batches, {}, options);
        const less = records.removeUpTo(Infinity);
        records.put(batches);
        records.setHead({ ...head, acked, sent, last: Math.max(acked, lastOf(batches)) });
        return addUsage(more, less, -1);
      }),
    mark: (sent) => change((records, head) => setHead(records, { ...head, sent })),
    remember: (ticket) => change((records, head) => setHead(records, { ...head, ticket })),
  };
}

/** Stores the head, which does not change the usage. */
function setHead(records: OutboxRows, head: OutboxHead): Partial<Usage> {
  records.setHead(head);
  return {};
}

/**
 * Returns the usage of the batches.
 * @throws {StoreError} `quota`, if they exceed the limits
 * together with the existing ones.
 */
function assertQuota(batches: readonly StoredBatch[], existing: Partial<Usage>, { maxMessages, maxBytes }: OutboxOwnerOptions): Usage {
  const more = usageOf(batches);
  const { messages, bytes } = addUsage(more, existing, 1);
  if (messages > maxMessages || bytes > maxBytes) throw new StoreError('lmdb', 'quota');
  return more;
}

function addUsage(usage: Partial<Usage>, other: Partial<Usage>, sign: 1 | -1): Usage {
  const [{ messages = 0, bytes = 0 }, more] = [usage, other];
  return { messages: messages + sign * (more.messages ?? 0), bytes: bytes + sign * (more.bytes ?? 0) };
}

function createOutboxIndex({ databases, openOutboxes }: LmdbEnvironment, { ttl, maxOutboxes, clock }: OutboxOwnerOptions): LastUsedIndex {
  const { heads, batches } = databases;
  return createLastUsedIndex(databases, {
    kind: 'outbox',
    ttl,
    maxKeys: maxOutboxes,
    step: ttl / STEPS_PER_TTL,
    clock: clock(databases),
    count: () => countOf(heads),
    atOf: (name) => {
      const head = readValue(heads, name);
      return isOutboxHead(head) ? head.at : undefined;
    },
    drop: (name) => {
      heads.removeSync(name);
      for (const key of [...batches.getKeys({ start: [name], end: [name, Infinity] })]) batches.removeSync(key);
    },
    isOpen: (name) => openOutboxes.has(name),
    renew: (name, at) => {
      const head = readValue(heads, name);
      if (isOutboxHead(head)) heads.putSync(name, { ...head, at });
    },
  });
}
