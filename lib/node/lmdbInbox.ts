import { map } from 'rxjs';
import { durable } from '../session/durability.js';
import { StoreError } from '../errors.js';
import { isRejection, readRejection, rejectionFields } from '../session/store/storedRejections.js';
import { isEarlier } from '../session/store/isEarlier.js';
import { isInboxClaim } from '../session/store/isHelloNumber.js';
import type { Cursor, Inbox, InboxClaim, InboxLease, InboxRecord } from '../session/store/inbox.js';
import { createLastUsedIndex, type LastUsedIndex } from './lastUsedIndex.js';
import { countOf, readValue } from './lmdbDatabases.js';
import type { LmdbDeadLetterRows } from './lmdbDeadLetters.js';
import type { LmdbEnvironment } from './lmdbEnvironment.js';
import { writeWithEffects, type LmdbTransaction } from './lmdbTransaction.js';
import type { StoreClock } from './storeClock.js';

export interface LmdbInboxOptions {
  readonly environment: LmdbEnvironment;
  readonly deadLetters: LmdbDeadLetterRows;
  /** The time after which a silent sender is forgotten, in ms. */
  readonly ttl: number;
  /** The maximum number of senders. */
  readonly maxSenders: number;
  readonly clock: StoreClock;
  /** Called for each unreadable record. */
  readonly onCorrupt: () => void;
}

/** The stored state of a sender. */
interface SenderRow {
  readonly done: number;
  readonly finished: readonly number[];
  /** The fields of the rejections whose senders may not know them yet. */
  readonly rejections?: readonly unknown[] | undefined;
  /** The latest claim. */
  readonly claim?: InboxClaim | undefined;
  readonly session?: unknown;
  /** The time of the last change. */
  readonly at: number;
}

/** The number of index steps in a ttl: hours of 30 days. */
const STEPS_PER_TTL = 720;
const START: Cursor = { done: 0, finished: [] };

export function createLmdbInbox(options: LmdbInboxOptions): Inbox<LmdbTransaction> {
  const { environment, deadLetters, onCorrupt } = options;
  const { senders } = environment.databases;
  const lastUsed = createSenderIndex(options);

  /** Returns the row of a sender; `undefined` if it is absent, unreadable or has expired. */
  const rowOf = (pid: string): SenderRow | undefined => {
    const row = readValue(senders, pid);
    return isSenderRow(row) && !lastUsed.isExpired(pid, row.at) ? row : undefined;
  };
  /** Stores some fields of a sender, and keeps the others. */
  const change = (pid: string, before: SenderRow | undefined, fields: Partial<SenderRow>): void => {
    const stored = before ?? readValue(senders, pid);
    senders.putSync(pid, { ...(before ?? START), ...fields, at: lastUsed.touch(pid, isSenderRow(stored) ? stored.at : undefined) });
  };
  /**
   * Returns the row of a sender for its owner.
   * @throws {StoreError} `fenced`, if another session
   * has claimed the sender.
   */
  const ownRow = (lease: InboxLease): SenderRow | undefined => {
    const row = rowOf(lease.pid);
    if (!row?.claim || row.claim.owner === lease.owner) return row;
    if (lease.isNew && isEarlier(row.claim, lease)) return undefined;
    throw new StoreError('lmdb', 'fenced');
  };
  /**
   * Stores some fields of a sender as its owner. A claim that is not stored yet is stored with
   * them.
   */
  const changeAs = ({ pid, owner, epoch, n }: InboxLease, row: SenderRow | undefined, fields: Partial<SenderRow>): void =>
    change(pid, row, { ...(!row?.claim && { claim: { owner, epoch, n } }), ...fields });

  /** Removes the row of a sender that has expired. */
  const forget = (pid: string, { at }: SenderRow): void => {
    lastUsed.remove(pid, at);
    senders.removeSync(pid);
  };

  return {
    durability: durable,
    deadLetters,
    // Not synchronous: a commit of an earlier wire of this sender may still be in progress.
    claim: (pid, decide) =>
      environment.write(() => {
        const stored = readValue(senders, pid);
        const isReadable = isSenderRow(stored);
        if (stored !== undefined && !isReadable) onCorrupt();
        const row = isReadable && !lastUsed.isExpired(pid, stored.at) ? stored : undefined;
        const record = row && recordOf(row);
        const claim = decide(record);
        if (!claim) return { record, lease: undefined };
        if (isReadable && !row) forget(pid, stored);
        // From now on the row of the sender does not expire.
        environment.openSenders.use(claim.owner, pid);
        if (row) change(pid, row, { claim });
        return { record, lease: { pid, ...claim, isNew: !record } };
      }),
    release: ({ owner }) => environment.openSenders.release(owner),
    commit: (lease, { done, finished, rejections }, completions) =>
      writeWithEffects(environment, (perform) => {
        const row = ownRow(lease);
        for (const { effect } of completions) if (effect) perform(effect);
        changeAs(lease, row, { done, finished, rejections: rejections?.map(rejectionFields) });
        return deadLetters.put(completions.flatMap(({ deadLetter }) => deadLetter ?? []));
      }).pipe(map((dropped) => deadLetters.emitDropped(dropped))),
    remember: (lease, session) => environment.write(() => changeAs(lease, ownRow(lease), { session })),
  };
}

function recordOf({ done, finished, rejections = [], claim, session }: SenderRow): InboxRecord {
  const rejected = rejections.length > 0 && { rejections: rejections.filter(isRejection).map(readRejection) };
  return { cursor: { done, finished, ...rejected }, ...(claim && { claim }), session };
}

function createSenderIndex({ environment: { databases, openSenders }, ttl, maxSenders, clock }: LmdbInboxOptions): LastUsedIndex {
  const { senders } = databases;
  return createLastUsedIndex(databases, {
    kind: 'sender',
    ttl,
    maxKeys: maxSenders,
    step: ttl / STEPS_PER_TTL,
    clock,
    count: () => countOf(senders),
    atOf: (pid) => {
      const row = readValue(senders, pid);
      return isSenderRow(row) ? row.at : undefined;
    },
    drop: (pid) => void senders.removeSync(pid),
    isOpen: (pid) => openSenders.has(pid),
    renew: (pid, at) => {
      const row = readValue(senders, pid);
      if (isSenderRow(row)) senders.putSync(pid, { ...row, at });
    },
  });
}

function isSenderRow(value: unknown): value is SenderRow {
  if (typeof value !== 'object' || value === null) return false;
  const { done, finished, rejections = [], claim, at } = value as Record<keyof SenderRow, unknown>;
  const areNumbers = Number.isSafeInteger(done) && Array.isArray(finished) && finished.every(Number.isSafeInteger);
  const areRejections = Array.isArray(rejections) && rejections.every(isRejection);
  return areNumbers && areRejections && (claim === undefined || isInboxClaim(claim)) && typeof at === 'number';
}
