import { CloseCode } from '../../message/closeCode.js';

/** The facts that a server knows when it decides on a hello. */
export interface HelloFacts {
  /** Whether the server has an inbox, which other servers may use, too. */
  readonly hasInbox: boolean;
  /** The session of the client in the memory of this server. */
  readonly session?: {
    /** The code with which the session refuses the hello; undefined if it is welcome. */
    readonly refusal: CloseCode | undefined;
    readonly hasLease: boolean;
    /** Whether the inbox has renewed the claim of this session for the hello. */
    readonly isRenewed: boolean;
  };
  /** A client without a session: unknown, or with a welcome that it has not confirmed. */
  readonly client?: { readonly refusal: CloseCode | undefined; readonly isConnected: boolean };
  /** Whether the server handles an earlier hello of the client. */
  readonly isClaiming: boolean;
  /** Whether another server has claimed the session. @default the inbox was not asked */
  readonly isFenced?: boolean | undefined;
  /** Whether the inbox has a record of the client. @default the inbox was not asked */
  readonly isStored?: boolean | undefined;
  /** The answer to the claim for a new session. @default the inbox was not asked */
  readonly claim?: { readonly refusal: CloseCode | undefined; readonly isKnown: boolean } | undefined;
}

/**
 * The action of the server:
 *
 * - `accept`: it sends a welcome to a client that has no session;
 * - `resume`: it continues the session in its memory;
 * - `restore`: it begins a session with the stored state;
 * - `refuse`: it closes the connection;
 * - `wait`: it asks the inbox, and decides again with the answer.
 */
export type HelloDecision =
  | { readonly kind: 'accept' | 'resume' | 'restore' }
  | { readonly kind: 'refuse'; readonly code: CloseCode; readonly reason: string }
  | { readonly kind: 'wait'; readonly for: 'renewal' | 'record' | 'claim' };

/** Decides who gets which session. */
export function decideHello({ hasInbox, session, client, isClaiming, isFenced, isStored, claim }: HelloFacts): HelloDecision {
  if (claim) {
    if (claim.refusal !== undefined || claim.isKnown) return welcomeUnless(claim.refusal, 'restore');
    return welcomeUnless(client?.refusal, 'accept');
  }
  if (session && (!session.hasLease || (session.isRenewed && isFenced === false))) return welcomeUnless(session.refusal, 'resume');
  // A session that ended after it had renewed its claim leaves a claim that refuses this hello, but
  // not a later one.
  if (isFenced === false || (isFenced && (session || isClaiming || client?.isConnected)))
    return refuse(CloseCode.TRY_AGAIN_LATER, 'an earlier session of this client has not ended yet');
  if (session) return { kind: 'wait', for: 'renewal' };
  if (isClaiming) return refuse(CloseCode.TRY_AGAIN_LATER, 'the server still handles an earlier hello of this client');
  const refusal = client?.refusal;
  if (!hasInbox) return welcomeUnless(refusal, 'accept');
  // An earlier hello must not end the handshake of a later one, also if nothing of that is stored.
  if (refusal === CloseCode.SUPERSEDED || refusal === CloseCode.UNSUPPORTED_DATA) return welcomeUnless(refusal, 'accept');
  // Another server may have stored the client: only its record refuses a token.
  if (refusal === undefined || !client?.isConnected || isStored) return { kind: 'wait', for: 'claim' };
  return isStored === undefined ? { kind: 'wait', for: 'record' } : welcomeUnless(refusal, 'accept');
}

function welcomeUnless(refusal: CloseCode | undefined, kind: 'accept' | 'resume' | 'restore'): HelloDecision {
  if (refusal === undefined) return { kind };
  const isUnsupported = refusal === CloseCode.UNSUPPORTED_DATA;
  return refuse(refusal, isUnsupported ? 'client and server have no codec in common' : `the hello was refused with close code ${refusal}`);
}

function refuse(code: CloseCode, reason: string): HelloDecision {
  return { kind: 'refuse', code, reason };
}
