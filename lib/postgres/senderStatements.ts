import { Packr } from 'msgpackr';
import { isRejection, readRejection, rejectionFields } from '../session/store/storedRejections.js';
import type { Cursor, InboxClaim, InboxLease, InboxRecord } from '../session/store/inbox.js';

/**
 * A value of a row as MessagePack, in base64: JSON has no bytes and no bigints. Records of msgpackr
 * would compile code from the keys of objects.
 */
const packr = new Packr({ useRecords: false });

export function packText(value: unknown): string {
  return packr.pack(value).toString('base64');
}

/** @throws {Error} If the text is not one of {@link packText}. */
export function unpackText(text: string): unknown {
  return packr.unpack(Buffer.from(text, 'base64'));
}

/** A write of the state of a sender. A field that is absent keeps its value. */
export interface SenderWrite {
  readonly lease: InboxLease;
  readonly cursor?: Cursor;
  readonly session?: unknown;
}

/**
 * The statements on the table of the senders. Each takes the rows as one JSON text, which every
 * driver can send. `lock` and `write` also take the values of {@link limitValues}, and set these
 * limits for the rest of the transaction.
 */
export interface SenderStatements {
  /**
   * Locks the senders, and returns the rows of those that exist. It does not wait: the row of a
   * sender that another transaction has locked has only the `pid`.
   */
  readonly lock: string;
  /** Replaces the claims of senders that exist. */
  readonly claim: string;
  /**
   * Stores the state of senders, unless another session owns them. Returns the senders that were
   * stored.
   */
  readonly write: string;
}

export function senderStatements(senders: string): SenderStatements {
  /**
   * The stored value, if the row has the same owner; the new one replaces the row of an earlier
   * session.
   */
  const kept = (column: string): string => `${column} = case when s.owner = excluded.owner then s.${column} else excluded.${column} end`;
  const changed = (column: string, isKept: string): string =>
    `${column} = case when s.owner = excluded.owner and ${isKept} then s.${column} else excluded.${column} end`;
  const noCursor = 'excluded.done is null';
  // Not a statement of its own, which would be one more round trip. The join makes PostgreSQL set
  // the limits before it locks the first row.
  const limits = `limits as materialized (select ${setIdleTimeout('$2')}, set_config('lock_timeout', $3, true))`;
  return {
    lock: `with ${limits}, given as materialized (select json_array_elements_text($1::json) as pid),
locked as materialized (select s.* from ${senders} as s, limits where s.pid in (select pid from given) order by s.pid for update of s skip locked)
select s.pid, l.owner, l.epoch::text, l.n::text, coalesce(l.done, 0)::text as done, l.finished, l.rejections, encode(l.session, 'base64') as session
from ${senders} as s left join locked as l using (pid) where s.pid in (select pid from given)`,
    claim: `update ${senders} as s set owner = given.owner, epoch = given.epoch, n = given.n, is_new = false, used_at = now()
from json_to_recordset($1::json) as given(pid text, owner text, epoch bigint, n bigint) where s.pid = given.pid`,
    // In the order of the keys: two transactions that store the same senders do not deadlock.
    write: `with ${limits} insert into ${senders} as s (pid, owner, epoch, n, is_new, done, finished, rejections, session)
select pid, owner, epoch, n, is_new, done, finished, rejections, decode(session, 'base64') from limits, json_to_recordset($1::json)
as given(pid text, owner text, epoch bigint, n bigint, is_new boolean, done bigint, finished text, rejections text, session text) order by pid
on conflict (pid) do update set owner = excluded.owner, ${kept('epoch')}, ${kept('n')}, ${kept('is_new')},
${changed('done', noCursor)}, ${changed('finished', noCursor)}, ${changed('rejections', noCursor)},
${changed('session', 'excluded.session is null')}, used_at = now()
where s.owner = excluded.owner or (excluded.is_new and (s.epoch, s.n) < (excluded.epoch, excluded.n))
returning pid`,
  };
}

/** The limits of a transaction, in ms. */
export interface TransactionLimits {
  /** How long PostgreSQL waits for the next statement. */
  readonly idleTimeout: number;
  /** How long a statement waits for a lock. */
  readonly lockTimeout: number;
}

/** Returns the limits as the last values of the statements `lock` and `write`. */
export function limitValues({ idleTimeout, lockTimeout }: TransactionLimits): readonly string[] {
  return [String(idleTimeout), String(lockTimeout)];
}

/** Returns the SQL expression that sets the `idleTimeout` of a transaction. */
export function setIdleTimeout(value: string): string {
  return `set_config('idle_in_transaction_session_timeout', ${value}, true)`;
}

/** Returns the fields of a claim for the statement `claim`. */
export function claimFields(pid: string, { owner, epoch, n }: InboxClaim): object {
  return { pid, owner, epoch, n };
}

/** Returns the fields of a write for the statement `write`. */
export function writeFields(write: SenderWrite): object {
  const { lease, cursor } = write;
  const { pid, owner, epoch, n, isNew = false } = lease;
  return {
    pid,
    owner,
    epoch,
    n,
    is_new: isNew,
    ...(cursor && { done: cursor.done }),
    ...(cursor && cursor.finished.length > 0 && { finished: JSON.stringify(cursor.finished) }),
    // As a text in the JSON text: a reason may contain a NUL, which PostgreSQL does not decode.
    ...(cursor?.rejections && cursor.rejections.length > 0 && { rejections: JSON.stringify(cursor.rejections.map(rejectionFields)) }),
    ...('session' in write && { session: packText(write.session) }),
  };
}

/** Returns whether another transaction has locked the sender of a row of the statement `lock`. */
export function isLockedRow(row: unknown): boolean {
  return row !== undefined && (row as { readonly owner: unknown }).owner === null;
}

/** Returns a row of the statement `lock` as a record. @throws {TypeError} If it is unreadable. */
export function readSenderRow(row: unknown): { readonly pid: string; readonly record: InboxRecord } {
  const { pid, owner, epoch, n, done, finished, rejections, session } = Object(row) as Readonly<Record<string, unknown>>;
  if (typeof pid !== 'string' || typeof owner !== 'string') throw new TypeError('a row of a sender has no pid and owner');
  const numbers: unknown = typeof finished === 'string' ? JSON.parse(finished) : [];
  const rejected: unknown = typeof rejections === 'string' ? JSON.parse(rejections) : [];
  const areRead = Array.isArray(numbers) && numbers.every(Number.isSafeInteger) && Array.isArray(rejected) && rejected.every(isRejection);
  const [lastDone, lastEpoch, lastN] = [Number(done), Number(epoch), Number(n)];
  if (!areRead || ![lastDone, lastEpoch, lastN].every(Number.isSafeInteger)) throw new TypeError(`the row of ${pid} is unreadable`);
  const cursor: Cursor = {
    done: lastDone,
    finished: numbers as readonly number[],
    ...(rejected.length > 0 && { rejections: rejected.map(readRejection) }),
  };
  const claim: InboxClaim = { owner, epoch: lastEpoch, n: lastN };
  return { pid, record: { cursor, claim, session: typeof session === 'string' ? unpackText(session) : undefined } };
}
