import { map, type Observable } from 'rxjs';
import { StoreError, type StoreFault } from '../errors.js';
import type { HelloNumber, OutboxWrite } from '../session/store/outboxStore.js';
import { headOf } from '../session/store/storedHead.js';
import { createLastUsedIndex, type LastUsedIndex } from './lastUsedIndex.js';
import { countOf, readValue, type Databases } from './lmdbDatabases.js';
import type { LmdbEnvironment } from './lmdbEnvironment.js';
import { readOutboxHead } from './outboxHead.js';
import { createOutboxRows, usageOf, type StoredOutbox, type Usage } from './outboxRows.js';
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
  /** Several writes may share a transaction. */
  write(change: OutboxWrite): Observable<void>;
}

/** The number of index steps in a ttl: hours of 30 days. */
const STEPS_PER_TTL = 720;
const NOTHING: Usage = { messages: 0, bytes: 0 };

/** @param onFault Called when the head was lost or could not be read, and is stored again. */
export function createOutboxOwner(
  environment: LmdbEnvironment,
  options: OutboxOwnerOptions,
  onFault: (fault: StoreFault) => void,
): OutboxOwner {
  const rows = createOutboxRows(environment.databases, options.name, createOutboxIndex(environment, options));
  let usage = NOTHING;

  /** @throws {StoreError} `quota`, if the batches exceed the limits. */
  const write = ({ head, batches, replaces }: OutboxWrite): StoreFault | undefined => {
    const { head: before, fault } = rows.readHead();
    const used = fault === 'evicted' ? NOTHING : usage;
    const isAcked = head.acked > before.acked;
    const removed = replaces || isAcked ? rows.removeUpTo(replaces ? Infinity : head.acked) : NOTHING;
    const added = usageOf(batches);
    const messages = used.messages - removed.messages + added.messages;
    const bytes = used.bytes - removed.bytes + added.bytes;
    const isFull = messages > options.maxMessages || bytes > options.maxBytes;
    if (batches.length > 0 && isFull) throw new StoreError('lmdb', 'quota');
    rows.put(batches);
    rows.setHead({ ...headOf(before, head), at: before.at });
    usage = { messages, bytes };
    return fault;
  };
  return {
    takeOwnership: (hello) =>
      environment.write(() => {
        const found = rows.takeOwnership(hello);
        usage = usageOf(found.batches);
        return found;
      }),
    write: (change) => environment.write(() => write(change)).pipe(map((fault) => fault && onFault(fault))),
  };
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
    atOf: (name) => readOutboxHead(readValue(heads, name))?.at,
    drop: (name) => {
      heads.removeSync(name);
      for (const key of [...batches.getKeys({ start: [name], end: [name, Infinity] })]) batches.removeSync(key);
    },
    isOpen: (name) => openOutboxes.has(name),
    renew: (name, at) => {
      const head = readOutboxHead(readValue(heads, name));
      if (head) heads.putSync(name, { ...head, at });
    },
  });
}
