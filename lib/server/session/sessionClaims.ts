import { catchError, map, of, type Observable } from 'rxjs';
import { asObservable } from '../../internal/maybeAsync.js';
import type { CloseCode } from '../../link/closeCode.js';
import type { Hello } from '../../session/protocol/handshake.js';
import type { ClaimedInbox, Inbox, InboxClaim, InboxLease, InboxRecord } from '../../session/store/inbox.js';
import { storeErrorOf } from '../../session/store/storeErrorOf.js';
import { isEarlier } from '../../session/store/isEarlier.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { randomName } from '../nodePlatform.js';
import { createPeer, parsePeerRecord, type Peer, type PeerRecord } from './resumption.js';

/** The result of a claim for a new session. */
export interface NewClaim extends ClaimedInbox {
  /** The close code with which the hello is refused; `undefined` if it is not. */
  readonly refusal: CloseCode | undefined;
}

/** A session of this server that may continue. */
export interface ClaimedSession {
  readonly peer: Peer;
  /** `undefined` without an inbox. */
  readonly lease: InboxLease | undefined;
}

/**
 * Claims a client for a new session, unless the hello is refused: a stranger must not end the
 * session at another server. Without an inbox, the server knows only the clients that have a
 * session.
 */
export function claimForNew(inbox: Inbox | undefined, { principal }: IncomingConnection, hello: Hello): Observable<NewClaim> {
  let refusal: CloseCode | undefined;
  const decide = (record: InboxRecord | undefined): InboxClaim | undefined => {
    refusal = createPeer(knownPeer(record), false, principal).refusal(hello, principal);
    return refusal === undefined ? claimOf(hello, randomName()) : undefined;
  };
  return asObservable(() => inbox?.claim(hello.pid, decide) ?? UNCLAIMED).pipe(
    catchError((error: unknown) => {
      throw storeErrorOf('inbox', error);
    }),
    map((claimed) => ({ ...claimed, refusal })),
  );
}

/**
 * Renews the claim of a session for a later hello of its client, unless the hello is refused. Emits
 * whether another server has claimed the client since.
 */
export function renewClaim(
  inbox: Inbox | undefined,
  { principal }: IncomingConnection,
  hello: Hello,
  { peer, lease }: ClaimedSession,
): Observable<boolean> {
  let isFenced = false;
  const decide = (record: InboxRecord | undefined): InboxClaim | undefined => {
    const claim = record?.claim;
    const isOther = claim !== undefined && claim.owner !== lease?.owner;
    // The first write of the session replaces what the session of an earlier hello has stored.
    isFenced = isOther && !(lease?.isNew && isEarlier(claim, lease));
    const isRefused = isOther || peer.refusal(hello, principal) !== undefined;
    return lease && !isRefused ? claimOf(hello, lease.owner) : undefined;
  };
  return asObservable(() => (lease && inbox?.claim(hello.pid, decide)) ?? UNCLAIMED).pipe(
    map(({ lease: renewed }) => {
      // The session has not written yet: its first write must not lose against one of an earlier
      // hello.
      if (lease && renewed) Object.assign(lease, renewed);
      return isFenced;
    }),
  );
}

/**
 * Emits whether another server has stored an unconfirmed client whose hello this server would
 * refuse by what it remembers.
 */
export function isStoredByOther(
  inbox: Inbox | undefined,
  { principal }: IncomingConnection,
  hello: Hello,
  peer: Peer,
): Observable<boolean> {
  if (!inbox || peer.refusal(hello, principal) === undefined) return of(false);
  return asObservable(() => inbox.claim(hello.pid, () => undefined)).pipe(map(({ record }) => record !== undefined));
}

/**
 * Returns the stored record of a client, with its latest hello: a session that ended before its
 * handshake has stored only the claim.
 */
export function knownPeer(record: InboxRecord | undefined): PeerRecord | undefined {
  const known = parsePeerRecord(record?.session);
  const claim = record?.claim;
  return known && claim && isEarlier(known, claim) ? { ...known, epoch: claim.epoch, n: claim.n } : known;
}

/** The result of a claim without an inbox. */
const UNCLAIMED: ClaimedInbox = { record: undefined, lease: undefined };

function claimOf({ epoch, n }: Hello, owner: string): InboxClaim {
  return { owner, epoch, n };
}
