import type { AsyncSubject } from 'rxjs';
import { StoreError } from '../errors.js';
import type { DeadLetter, StoredDeadLetter } from '../session/store/deadLetterStore.js';
import type { ClaimedInbox, Completion, InboxClaim, InboxRecord } from '../session/store/inbox.js';
import type { DeadLetterRows } from './postgresDeadLetters.js';
import { asPostgresStoreError, isSystemFailure } from './postgresStoreError.js';
import { statementsOf, type EffectStatement, type PostgresTransaction } from './postgresTransaction.js';
import {
  claimFields,
  isLockedRow,
  limitValues,
  readSenderRow,
  writeFields,
  type SenderStatements,
  type SenderWrite,
  type TransactionLimits,
} from './senderStatements.js';
import type { TransactionClient } from './transactionClient.js';

interface WaitingJob<T> {
  readonly pid: string;
  readonly result: AsyncSubject<T>;
}

/** A claim that waits for its transaction. */
export interface ClaimJob extends WaitingJob<ClaimedInbox> {
  readonly decide: (record: InboxRecord | undefined) => InboxClaim | undefined;
}

/** A write that waits for its transaction. */
export interface WriteJob extends WaitingJob<void> {
  readonly write: SenderWrite;
  readonly completions: readonly Completion<PostgresTransaction>[];
}

export type InboxJob = ClaimJob | WriteJob;

/** Delivers the result of a job, after the commit. */
export type Settle = () => void;

/** The failure of a transaction of several jobs, of which one is the reason. */
export class EffectFailure extends Error {
  constructor(
    readonly job: WriteJob,
    /** The completion whose statement has failed; `undefined` if the effect has thrown. */
    readonly completion: Completion<PostgresTransaction> | undefined,
    reason: unknown,
  ) {
    super('an effect has failed', { cause: reason });
  }
}

export interface InboxTables {
  readonly senders: SenderStatements;
  readonly deadLetters: DeadLetterRows;
}

/** The result of a committed transaction. */
export interface TransactionResult {
  readonly settles: readonly Settle[];
  /** The jobs that have not run: other transactions have locked the rows of their senders. */
  readonly locked: ReadonlySet<InboxJob>;
}

/**
 * Runs the jobs, of different senders, in one transaction: claims first, then the state of all
 * senders with the fence, then the effects. Resolves after the commit.
 *
 * @throws {EffectFailure} If an effect throws, or one of its statements fails.
 * @throws Any other
 *   error of PostgreSQL.
 */
export async function runTransaction(
  client: TransactionClient,
  jobs: readonly InboxJob[],
  tables: InboxTables,
  limits: TransactionLimits,
): Promise<TransactionResult> {
  const settles: Settle[] = [];
  const locked = new Set<InboxJob>();
  const steps: Promise<readonly unknown[]>[] = [];
  const send = (text: string, values?: readonly unknown[]): Promise<readonly unknown[]> => {
    const step = client.query(text, values);
    // The first failure of the transaction is reported where it is awaited; those that follow from
    // it have no other listener.
    step.catch(() => undefined);
    steps.push(step);
    return step;
  };

  void send('begin isolation level read committed read write');
  if (jobs.some((job) => 'decide' in job)) {
    // The senders of all jobs: a later statement must not lock them in another order.
    const rows = new Map(
      (await send(tables.senders.lock, [JSON.stringify(jobs.map(({ pid }) => pid)), ...limitValues(limits)])).map((row) => [
        (row as { readonly pid: unknown }).pid,
        row,
      ]),
    );
    for (const job of jobs) if (isLockedRow(rows.get(job.pid))) locked.add(job);
    const claims = jobs.filter((job) => 'decide' in job && !locked.has(job)) as readonly ClaimJob[];
    settles.push(...claimAll(send, claims, rows, tables.senders.claim));
  }
  const writes = jobs.filter((job) => 'write' in job && !locked.has(job)) as readonly WriteJob[];
  if (writes.length > 0) {
    const stored = new Set(
      (await send(tables.senders.write, [JSON.stringify(writes.map(({ write }) => writeFields(write))), ...limitValues(limits)])).map(
        (row) => (row as { readonly pid: unknown }).pid,
      ),
    );
    const owned: WriteJob[] = [];
    for (const job of writes) {
      if (stored.has(job.pid)) owned.push(job);
      else settles.push(() => job.result.error(new StoreError('postgres', 'fenced')));
    }
    await runEffects(send, owned);
    const dropped = await storeLetters(send, owned, tables.deadLetters);
    settles.push(...owned.map((job) => () => emit(job.result, undefined)), () => tables.deadLetters.emitDropped(dropped));
  }
  await Promise.all(steps);
  await commit(send, writes);
  return { settles, locked };
}

/**
 * A constraint that is checked at the commit fails here: the reason is known if one job has
 * effects.
 */
async function commit(send: Send, writes: readonly WriteJob[]): Promise<void> {
  try {
    await send('commit');
  } catch (reason) {
    const [job, ...others] = writes.filter(({ completions }) => completions.some(({ effect }) => effect));
    if (!job || others.length > 0 || isSystemFailure(reason)) throw reason;
    throw new EffectFailure(
      job,
      job.completions.find(({ effect }) => effect),
      reason,
    );
  }
}

type Send = (text: string, values?: readonly unknown[]) => Promise<readonly unknown[]>;

/** Decides the claims, whose senders are locked, and sends those to be stored. */
function claimAll(send: Send, claims: readonly ClaimJob[], rows: ReadonlyMap<unknown, unknown>, claim: string): readonly Settle[] {
  const stored: object[] = [];
  const settles = claims.map((job): Settle => {
    try {
      const record = recordIn(rows.get(job.pid));
      const decided = job.decide(record);
      if (decided && record) stored.push(claimFields(job.pid, decided));
      return () => emit(job.result, { record, lease: decided && { pid: job.pid, ...decided, isNew: !record } });
    } catch (reason) {
      return () => job.result.error(reason);
    }
  });
  if (stored.length > 0) void send(claim, [JSON.stringify(stored)]);
  return settles;
}

function recordIn(row: unknown): InboxRecord | undefined {
  try {
    return row === undefined ? undefined : readSenderRow(row).record;
  } catch (reason) {
    throw new StoreError('postgres', 'corrupt', reason);
  }
}

async function runEffects(send: Send, jobs: readonly WriteJob[]): Promise<void> {
  const sent: (readonly [job: WriteJob, statement: EffectStatement])[] = [];
  for (const job of jobs) {
    try {
      for (const statement of statementsOf(job.completions)) sent.push([job, statement]);
    } catch (reason) {
      throw new EffectFailure(job, undefined, reason);
    }
  }
  const results = await Promise.allSettled(sent.map(([, { text, values }]) => send(text, values)));
  const failed = results.findIndex(({ status }) => status === 'rejected');
  const [job, statement] = sent[failed] ?? [];
  if (job) throw new EffectFailure(job, statement?.completion, (results[failed] as PromiseRejectedResult).reason);
}

function storeLetters(send: Send, jobs: readonly WriteJob[], deadLetters: DeadLetterRows): Promise<readonly StoredDeadLetter[]> {
  const letters = jobs.flatMap(({ completions }) =>
    completions.flatMap(({ deadLetter }): readonly DeadLetter[] => (deadLetter ? [deadLetter] : [])),
  );
  return deadLetters.put(send, letters);
}

function emit<T>(result: AsyncSubject<T>, value: T): void {
  result.next(value);
  result.complete();
}

/** Delivers the failure of a job: one of an effect unchanged, any other as a {@link StoreError}. */
export function failJob(job: InboxJob, reason: unknown): void {
  if (reason instanceof EffectFailure) {
    reason.completion?.onEffectFailed?.();
    job.result.error(reason.cause);
  } else {
    job.result.error(asPostgresStoreError(reason));
  }
}
