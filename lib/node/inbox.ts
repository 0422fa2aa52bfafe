import { map, type SchedulerLike } from 'rxjs';
import { durable } from '../session/durability.js';
import type { Cursor, Inbox, InboxRecord } from '../session/store/inbox.js';
import { createAges, type Ages } from './ages.js';
import { countOf, readValue } from './databases.js';
import type { DeadLetterRows } from './deadLetters.js';
import type { Environment } from './environment.js';
import { writeWithEffects, type LmdbTransaction } from './transaction.js';

export interface InboxOptions {
  readonly environment: Environment;
  readonly deadLetters: DeadLetterRows;
  /** How long a sender that is silent is remembered, in ms. */
  readonly ttl: number;
  /** Senders remembered at most. */
  readonly maxSenders: number;
  readonly scheduler: SchedulerLike;
  /** Told of a record that nobody can read. */
  readonly onCorrupt: () => void;
}

/** What is stored of a sender. */
interface Row {
  readonly done: number;
  readonly finished: readonly number[];
  readonly session?: unknown;
  /** When it was heard last. */
  readonly at: number;
}

/** Steps of the index in a ttl: hours of 30 days. */
const STEPS = 720;
const START: Cursor = { done: 0, finished: [] };

export function createInbox(options: InboxOptions): Inbox<LmdbTransaction> {
  const { environment, deadLetters, onCorrupt } = options;
  const { senders } = environment.databases;
  const ages = senderAges(options);

  /** Stores some fields of a sender; the others stay, if it was not silent for too long. */
  const change = (pid: string, fields: Partial<Row>): void => {
    const before = readValue(senders, pid);
    const known = isRow(before) ? before : undefined;
    const kept = known && !ages.isOld(known.at) ? known : START;
    senders.putSync(pid, { ...kept, ...fields, at: ages.touch(pid, known?.at) });
  };

  const find = (pid: string): InboxRecord | undefined => {
    const row = readValue(senders, pid);
    if (isRow(row)) return ages.isOld(row.at) ? undefined : { cursor: { done: row.done, finished: row.finished }, session: row.session };
    if (row !== undefined) onCorrupt();
    return undefined;
  };

  return {
    durability: durable,
    // Not at once: a wire of this sender may have ended whose last commit is still on its way.
    load: (pid) => environment.write(() => find(pid)),
    commit: (pid, { done, finished }, completions) =>
      writeWithEffects(environment, (perform) => {
        for (const { effect } of completions) if (effect) perform(effect);
        change(pid, { done, finished });
        return deadLetters.put(completions.flatMap(({ deadLetter }) => deadLetter ?? []));
      }).pipe(map((dropped) => deadLetters.tellDropped(dropped))),
    remember: (pid, session) => environment.write(() => change(pid, { session })),
  };
}

function senderAges({ environment: { databases }, ttl, maxSenders, scheduler }: InboxOptions): Ages {
  const { senders, ages } = databases;
  return createAges(ages, {
    kind: 'sender',
    ttl,
    maxKeys: maxSenders,
    step: ttl / STEPS,
    scheduler,
    count: () => countOf(senders),
    atOf: (pid) => {
      const row = readValue(senders, pid);
      return isRow(row) ? row.at : undefined;
    },
    drop: (pid) => void senders.removeSync(pid),
  });
}

function isRow(value: unknown): value is Row {
  if (typeof value !== 'object' || value === null) return false;
  const { done, finished, at } = value as Record<keyof Row, unknown>;
  return Number.isSafeInteger(done) && Array.isArray(finished) && finished.every(Number.isSafeInteger) && typeof at === 'number';
}
