import { refusalOf, type ReceivedHello } from '../../core/serverHandshake.js';
import { CloseCode } from '../../message/closeCode.js';
import { digestOf, randomName } from '../nodePlatform.js';
import type { DecidedClaim, Inbox, InboxClaim, InboxLease, InboxRecord } from '../../stores/inbox.js';
import { isEarlier } from '../../stores/helloNumber.js';
import { chain, type MaybeAsync } from '../../message/maybeAsync.js';
import type { ClientRecord } from '../../core/storedTypes.js';

/** The result of a claim for a new session. */
export interface ClaimedClient {
  readonly row: InboxRecord | undefined;
  /** Undefined if the hello is refused. */
  readonly lease: InboxLease | undefined;
  /** The close code with which the hello is refused; undefined if it is welcome. */
  readonly refusal: CloseCode | undefined;
  /** Whether the prepared record is stored with the claim. */
  readonly isRemembered: boolean;
}

/**
 * Claims a client for a new session, unless its row refuses the hello: another client must not end
 * the session at another server.
 *
 * @param owner The `id` of the principal of the connection.
 * @param prepare Returns the record of a known client for its next welcome.
 */
export function claimClient(
  inbox: Inbox,
  hello: ReceivedHello,
  owner: string | undefined,
  prepare: (record: ClientRecord) => ClientRecord,
): MaybeAsync<ClaimedClient> {
  let refusal: CloseCode | undefined;
  const decide = (row: InboxRecord | undefined): DecidedClaim | undefined => {
    refusal = refusalIn(row, owner, hello);
    if (refusal !== undefined) return undefined;
    const known = knownClientIn(row);
    return { ...claimOf(hello, randomName()), ...(known && { session: storedClientOf(prepare(known.record), owner) }) };
  };
  return chain(inbox.claim(hello.pid, decide), ({ record, lease, isRemembered = false }) => ({
    row: record,
    lease,
    refusal,
    isRemembered,
  }));
}

/** Returns the code with which the row of a client refuses a hello. */
function refusalIn(row: InboxRecord | undefined, owner: string | undefined, hello: ReceivedHello): CloseCode | undefined {
  const known = knownClientIn(row);
  // Checked first: another principal must not learn that the client exists.
  if (known && known.owner !== owner) return CloseCode.FORBIDDEN;
  return refusalOf(known?.record, hello, digestOf);
}

/**
 * Renews the claim of a session for a later hello of its client. The result is whether another
 * server has claimed the client since.
 *
 * @param isRefused Returns whether the session refuses the hello, and so keeps its claim.
 */
export function renewClaim(inbox: Inbox, hello: ReceivedHello, lease: InboxLease, isRefused: () => boolean): MaybeAsync<boolean> {
  let isFenced = false;
  const decide = (row: InboxRecord | undefined): InboxClaim | undefined => {
    const claim = row?.claim;
    const isOther = claim !== undefined && claim.owner !== lease.owner;
    // The first write of the session replaces what the session of an earlier hello has stored.
    isFenced = isOther && !(lease.isNew && isEarlier(claim, lease));
    return isOther || isRefused() ? undefined : claimOf(hello, lease.owner);
  };
  return chain(inbox.claim(hello.pid, decide), ({ lease: renewed }) => {
    // The session has not written yet: its first write must not lose against one of an earlier
    // hello.
    if (renewed) Object.assign(lease, renewed);
    return isFenced;
  });
}

/** Returns whether the inbox has a record of a client. */
export function isStored(inbox: Inbox, { pid }: ReceivedHello): MaybeAsync<boolean> {
  return chain(
    inbox.claim(pid, () => undefined),
    ({ record }) => record !== undefined,
  );
}

function claimOf({ epoch, n }: ReceivedHello, owner: string): InboxClaim {
  return { owner, epoch, n };
}

/** The record of a client as an inbox stores it, with digests of its tokens. */
interface StoredClient extends ClientRecord {
  /** The `id` of the principal; absent for an anonymous client. */
  readonly principal?: string | undefined;
}

/** A client that an inbox knows. */
export interface KnownClient {
  readonly record: ClientRecord;
  /** The `id` of its principal. */
  readonly owner: string | undefined;
}

/** Returns the record of a client as an inbox stores it. @param owner The `id` of its principal. */
export function storedClientOf(record: ClientRecord, owner: string | undefined): StoredClient {
  return { ...record, ...(owner !== undefined && { principal: owner }) };
}

/**
 * Returns a client with its latest hello: a session that ended before its handshake has stored only
 * the claim. Returns undefined if the row has no record, or a malformed one, as it may be of
 * another version.
 */
export function knownClientIn(row: InboxRecord | undefined): KnownClient | undefined {
  const known = parseClient(row?.session);
  const claim = row?.claim;
  if (!known || !claim || !isEarlier(known.record, claim)) return known;
  return { ...known, record: { ...known.record, epoch: claim.epoch, n: claim.n } };
}

/** The length of a digest. */
const DIGEST = 43;

function parseClient(value: unknown): KnownClient | undefined {
  const { sid, token, former, epoch, n, hasBegun, codec, principal } = Object(value) as { readonly [K in keyof StoredClient]?: unknown };
  if (typeof sid !== 'string' || typeof token !== 'string' || typeof epoch !== 'number' || typeof n !== 'number') return undefined;
  const record: ClientRecord = {
    epoch,
    n,
    sid,
    token: isDigest(token) ? token : '',
    former: isDigest(former) ? former : undefined,
    codec: typeof codec === 'string' ? codec : '',
    // A server stores only clients that have confirmed a welcome.
    isConfirmed: true,
    hasBegun: hasBegun !== false,
  };
  return { record, owner: typeof principal === 'string' ? principal : undefined };
}
const isDigest = (value: unknown): value is string => typeof value === 'string' && value.length === DIGEST;
