import { refusalOf, type ReceivedHello } from '../../core/serverHandshake.js';
import { CloseCode } from '../../link/closeCode.js';
import { digestOf, randomName } from '../nodePlatform.js';
import type { ClaimedInbox, Inbox, InboxClaim, InboxLease, InboxRecord } from '../../session/store/inbox.js';
import { isEarlier } from '../../session/store/helloNumber.js';
import { storeErrorOf } from '../../session/store/storeErrors.js';
import type { Wait } from '../../session/waitIn.js';
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

/** Runs the claim of an inbox, and takes its result. */
export interface ClaimCall<T> {
  readonly inbox: Inbox;
  readonly hello: ReceivedHello;
  readonly wait: Wait;
  readonly done: (result: T) => void;
  /** Called with the error of the inbox. */
  readonly failed: (error: unknown) => void;
}

/**
 * Claims a client for a new session, unless its row refuses the hello: a stranger must not end the
 * session at another server.
 *
 * @param owner The `id` of the principal of the connection.
 */
export function claimClient(call: ClaimCall<ClaimedClient>, owner: string | undefined): void {
  const { hello } = call;
  let refusal: CloseCode | undefined;
  const decide = (row: InboxRecord | undefined): InboxClaim | undefined => {
    refusal = refusalIn(row, owner, hello);
    return refusal === undefined ? claimOf(hello, randomName()) : undefined;
  };
  claim(call, decide, ({ record, lease }) => ({ row: record, lease, refusal }));
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
export function renewClaim(call: ClaimCall<boolean>, lease: InboxLease, isRefused: () => boolean): void {
  let isFenced = false;
  const decide = (row: InboxRecord | undefined): InboxClaim | undefined => {
    const claim = row?.claim;
    const isOther = claim !== undefined && claim.owner !== lease.owner;
    // The first write of the session replaces what the session of an earlier hello has stored.
    isFenced = isOther && !(lease.isNew && isEarlier(claim, lease));
    return isOther || isRefused() ? undefined : claimOf(call.hello, lease.owner);
  };
  claim(call, decide, ({ lease: renewed }) => {
    // The session has not written yet: its first write must not lose against one of an earlier
    // hello.
    if (renewed) Object.assign(lease, renewed);
    return isFenced;
  });
}

/** The result is whether a server has stored a client. */
export function isStored(call: ClaimCall<boolean>): void {
  claim(
    call,
    () => undefined,
    ({ record }) => record !== undefined,
  );
}

function claim<T>(
  { inbox, hello, wait, done, failed }: ClaimCall<T>,
  decide: (row: InboxRecord | undefined) => InboxClaim | undefined,
  resultOf: (answer: ClaimedInbox) => T,
): void {
  wait(
    () => inbox.claim(hello.pid, decide),
    (answer) => done(resultOf(answer)),
    (error) => failed(storeErrorOf('inbox', error)),
  );
}

function claimOf({ epoch, n }: ReceivedHello, owner: string): InboxClaim {
  return { owner, epoch, n };
}
