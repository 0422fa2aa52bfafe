import { map, type SchedulerLike } from 'rxjs';
import { durable } from '../session/durability.js';
import { isRejection, readRejection, rejectionFields } from '../session/protocol/rejections.js';
import type { Cursor, Inbox, InboxRecord } from '../session/store/inbox.js';
import { createLastUsedIndex, type LastUsedIndex } from './lastUsedIndex.js';
import { countOf, readValue } from './lmdbDatabases.js';
import type { LmdbDeadLetterRows } from './lmdbDeadLetters.js';
import type { LmdbEnvironment } from './lmdbEnvironment.js';
import { writeWithEffects, type LmdbTransaction } from './lmdbTransaction.js';

export interface LmdbInboxOptions {
  readonly environment: LmdbEnvironment;
  readonly deadLetters: LmdbDeadLetterRows;
  /** The time after which a silent sender is forgotten, in ms. */
  readonly ttl: number;
  /** The maximum number of senders. */
  readonly maxSenders: number;
  readonly scheduler: SchedulerLike;
  /** Called for each unreadable record. */
  readonly onCorrupt: () => void;
}

/** The stored state of a sender. */
interface SenderRow {
  readonly done: number;
  readonly finished: readonly number[];
  /** The fields of the rejections whose senders may not know them yet. */
  readonly rejections?: readonly unknown[] | undefined;
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

  /** Stores some fields of a sender. The others are kept, unless the sender has expired. */
  const change = (pid: string, fields: Partial<SenderRow>): void => {
    const before = readValue(senders, pid);
    const known = isSenderRow(before) ? before : undefined;
    const kept = known && !lastUsed.isExpired(known.at) ? known : START;
    senders.putSync(pid, { ...kept, ...fields, at: lastUsed.touch(pid, known?.at) });
  };

  const find = (pid: string): InboxRecord | undefined => {
    const row = readValue(senders, pid);
    if (isSenderRow(row)) {
      const { done, finished, rejections = [], session, at } = row;
      if (lastUsed.isExpired(at)) return undefined;
      const rejected = rejections.length > 0 && { rejections: rejections.map(readRejection) };
      return { cursor: { done, finished, ...rejected }, session };
    }
    if (row !== undefined) onCorrupt();
    return undefined;
  };

  return {
    durability: durable,
    deadLetters,
    // Not synchronous: a commit of an earlier wire of this sender may still be in progress.
    load: (pid) => environment.write(() => find(pid)),
    commit: (pid, { done, finished, rejections }, completions) =>
      writeWithEffects(environment, (perform) => {
        for (const { effect } of completions) if (effect) perform(effect);
        change(pid, { done, finished, rejections: rejections?.map(rejectionFields) });
        return deadLetters.put(completions.flatMap(({ deadLetter }) => deadLetter ?? []));
      }).pipe(map((dropped) => deadLetters.emitDropped(dropped))),
    remember: (pid, session) => environment.write(() => change(pid, { session })),
  };
}

function createSenderIndex({ environment: { databases }, ttl, maxSenders, scheduler }: LmdbInboxOptions): LastUsedIndex {
  const { senders, lastUsed } = databases;
  return createLastUsedIndex(lastUsed, {
    kind: 'sender',
    ttl,
    maxKeys: maxSenders,
    step: ttl / STEPS_PER_TTL,
    scheduler,
    count: () => countOf(senders),
    atOf: (pid) => {
      const row = readValue(senders, pid);
      return isSenderRow(row) ? row.at : undefined;
    },
    drop: (pid) => void senders.removeSync(pid),
  });
}

function isSenderRow(value: unknown): value is SenderRow {
  if (typeof value !== 'object' || value === null) return false;
  const { done, finished, rejections = [], at } = value as Record<keyof SenderRow, unknown>;
  const areNumbers = Number.isSafeInteger(done) && Array.isArray(finished) && finished.every(Number.isSafeInteger);
  return areNumbers && Array.isArray(rejections) && rejections.every(isRejection) && typeof at === 'number';
}
