import { catchError, map, type Observable } from 'rxjs';
import { refusalOf, type ReceivedHello } from '../../core/serverHandshake.js';
import { asObservable } from '../../internal/maybeAsync.js';
import { CloseCode } from '../../link/closeCode.js';
import { digestOf, randomName } from '../../server/nodePlatform.js';
import type { Inbox, InboxClaim, InboxLease, InboxRecord } from '../../session/store/inbox.js';
import { isEarlier } from '../../session/store/isEarlier.js';
import { storeErrorOf } from '../../session/store/storeErrorOf.js';
import { knownClientIn } from './storedClient.js';

/** The result of a claim for a new session. */
export interface ClaimedClient {
  /** The stored state before the claim. */
  readonly row: InboxRecord | undefined;
  /** Undefined if the hello is refused. */
  readonly lease: InboxLease | undefined;
  /** The close code with which the hello is refused; undefined if it is welcome. */
  readonly refusal: CloseCode | undefined;
}

/**
 * Claims a client for a new session, unless its row refuses the hello: a stranger must not end the
 * session at another server.
 *
 * @param owner The `id` of the principal of the connection.
 */
export function claimClient(inbox: Inbox, owner: string | undefined, hello: ReceivedHello): Observable<ClaimedClient> {
  let refusal: CloseCode | undefined;
  const decide = (row: InboxRecord | undefined): InboxClaim | undefined => {
    refusal = refusalIn(row, owner, hello);
    return refusal === undefined ? claimOf(hello, randomName()) : undefined;
  };
  return asObservable(() => inbox.claim(hello.pid, decide)).pipe(
    catchError(asInboxError),
    map(({ record, lease }) => ({ row: record, lease, refusal })),
  );
}

/** Returns the code with which the row of a client refuses a hello. */
function refusalIn(row: InboxRecord | undefined, owner: string | undefined, hello: ReceivedHello): CloseCode | undefined {
  const known = knownClientIn(row);
  // Checked first: another principal must not learn that the client exists.
  if (known && known.owner !== owner) return CloseCode.FORBIDDEN;
  return refusalOf(known?.record, hello, digestOf);
}

/**
 * Renews the claim of a session for a later hello of its client. Emits whether another server has
 * claimed the client since.
 *
 * @param isRefused Returns whether the session refuses the hello, and so keeps its claim.
 */
export function renewClaim(inbox: Inbox, hello: ReceivedHello, lease: InboxLease, isRefused: () => boolean): Observable<boolean> {
  let isFenced = false;
  const decide = (row: InboxRecord | undefined): InboxClaim | undefined => {
    const claim = row?.claim;
    const isOther = claim !== undefined && claim.owner !== lease.owner;
    // The first write of the session replaces what the session of an earlier hello has stored.
    isFenced = isOther && !(lease.isNew && isEarlier(claim, lease));
    return isOther || isRefused() ? undefined : claimOf(hello, lease.owner);
  };
  return asObservable(() => inbox.claim(hello.pid, decide)).pipe(
    catchError(asInboxError),
    map(({ lease: renewed }) => {
      // The session has not written yet: its first write must not lose against one of an earlier
      // hello.
      if (renewed) Object.assign(lease, renewed);
      return isFenced;
    }),
  );
}

/** Emits whether a server has stored a client. */
export function isStored(inbox: Inbox, pid: string): Observable<boolean> {
  return asObservable(() => inbox.claim(pid, () => undefined)).pipe(
    catchError(asInboxError),
    map(({ record }) => record !== undefined),
  );
}

function claimOf({ epoch, n }: ReceivedHello, owner: string): InboxClaim {
  return { owner, epoch, n };
}
function asInboxError(error: unknown): never {
  throw storeErrorOf('inbox', error);
}
