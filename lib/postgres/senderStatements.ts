import { Packr } from 'msgpackr';
import { isRejection, readRejection, rejectionFields } from '../session/protocol/rejections.js';
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
 * driver can send.
 */
export interface SenderStatements {
  /** Locks the senders, and returns their rows. */
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
  return {
    // In the order of their keys, as each statement that locks several rows: two transactions never
    // wait for each other.
    lock: `select pid, owner, epoch::text, n::text, coalesce(done, 0)::text as done, finished, rejections, encode(session, 'base64') as session
from ${senders} where pid in (select json_array_elements_text($1::json)) order by pid for update`,
    claim: `update ${senders} as s set owner = given.owner, epoch = given.epoch, n = given.n, is_new = false, used_at = now()
from json_to_recordset($1::json) as given(pid text, owner text, epoch bigint, n bigint) where s.pid = given.pid`,
    write: `insert into ${senders} as s (pid, owner, epoch, n, is_new, done, finished, rejections, session)
select pid, owner, epoch, n, is_new, done, finished, rejections, decode(session, 'base64') from json_to_recordset($1::json)
as given(pid text, owner text, epoch bigint, n bigint, is_new boolean, done bigint, finished text, rejections text, session text) order by pid
on conflict (pid) do update set owner = excluded.owner, ${kept('epoch')}, ${kept('n')}, ${kept('is_new')},
${changed('done', noCursor)}, ${changed('finished', noCursor)}, ${changed('rejections', noCursor)},
${changed('session', 'excluded.session is null')}, used_at = now()
where s.owner = excluded.owner or (excluded.is_new and (s.epoch, s.n) < (excluded.epoch, excluded.n))
returning pid`,
  };
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
