import { CloseCode } from '../../link/closeCode.js';
import type { Hello, Welcome } from '../../session/protocol/handshake.js';
import { isEarlier } from '../../session/store/isEarlier.js';
import type { Principal } from '../principal.js';
import { digestOf, isSameText, randomName } from '../nodePlatform.js';

/** The server's record of a client, without the messages: plain data, which an inbox stores. */
export interface PeerRecord {
  /** The session of the last welcome. */
  readonly sid: string;
  /**
   * Digests of the tokens that the client may send, because a stolen record must not open a
   * session: that of the last welcome, and, until the client has used that one, the token before.
   */
  readonly tokens: readonly string[];
  /** Its latest hello. */
  readonly epoch: number;
  readonly n: number;
  /**
   * Whether the client has shown that it received a welcome. From then on, the server has its
   * numbers.
   */
  readonly isConfirmed: boolean;
  /** Whether the server may have sent messages in that session. */
  readonly isBegun: boolean;
  /** The `id` of the principal; absent for an anonymous client. */
  readonly principal?: string;
}

/** The result of a hello: the fields of the welcome that depend on the client. */
export interface Greeting extends Pick<Welcome, 'sid' | 'rt' | 'known' | 'resumed'> {
  /**
   * Whether the server's numbers continue. A session in which the server has sent nothing is
   * resumed as well, but has no numbers.
   */
  readonly goesOn: boolean;
}

/**
 * The identity of a client, across its connections and restarts of the server. Detects
 * impersonation.
 */
export interface Peer {
  readonly record: PeerRecord;
  /**
   * Returns the close code with which a hello of this principal is refused, or `undefined`. 1013:
   * another server may have given the token to a client that no server has stored.
   */
  refusal(hello: Hello, principal: Principal | undefined): CloseCode | undefined;
  /** Updates the record for a hello that was not refused. Returns the answer, with a new token. */
  greet(hello: Hello): Greeting;
  /** Records that the client has received the last welcome. */
  confirm(): void;
  /** Records that the session has begun: from now on, messages to the client have its numbers. */
  begin(): void;
}

/** 32 bytes hold 256 bits, in 43 characters. */
const TOKEN_BYTES = 32;

/**
 * @param known The stored record; `undefined` for a new client.
 * @param canResume Whether the server still has the unacked messages of that session.
 * @param principal The principal of a new client.
 * @param isShared Whether a new client is stored where other servers may find it.
 */
export function createPeer(known: PeerRecord | undefined, canResume: boolean, principal: Principal | undefined, isShared = false): Peer {
  return new KnownPeer(known, canResume, principal, isShared);
}

class KnownPeer implements Peer {
  record: PeerRecord;
  readonly #isOld: boolean;
  readonly #owner: string | undefined;
  /** Whether the server has sent messages in the session. */
  #isBegun: boolean;
  /** Whether the server still has the unacked messages of the session. */
  #canGoOn: boolean;
  /** Whether other servers may have welcomed the client, too: nothing is stored. */
  #isUnstored: boolean;

  constructor(known: PeerRecord | undefined, canResume: boolean, principal: Principal | undefined, isShared: boolean) {
    this.#isUnstored = isShared && known === undefined;
    this.#isOld = known !== undefined;
    this.#owner = known ? known.principal : principal?.id;
    this.record = known ?? { sid: '', tokens: [], epoch: 0, n: 0, isConfirmed: false, isBegun: false, ...this.#ownership() };
    this.#isBegun = this.record.isBegun;
    this.#canGoOn = canResume;
  }

  refusal({ epoch, n, rt = '', former = [] }: Hello, shown: Principal | undefined): CloseCode | undefined {
    const { record } = this;
    // Checked first: another principal must not learn that the session exists.
    if (this.#owner !== shown?.id) return CloseCode.FORBIDDEN;
    if (!isEarlier(record, { epoch, n })) return CloseCode.SUPERSEDED;
    // A client that has not confirmed a welcome owns no session: it may be a former owner of the
    // outbox, which is fenced by now.
    const isOwned = this.#isOld || record.isConfirmed;
    if (isOwned && ![rt, ...former].some((token) => isAmong(record.tokens, token)))
      return this.#isUnstored ? CloseCode.TRY_AGAIN_LATER : CloseCode.FORBIDDEN;
    return undefined;
  }

  greet({ epoch, n, sid: shown, rt: used = '', rx }: Hello): Greeting {
    const { record } = this;
    const resumed = shown === record.sid && rx !== undefined && (this.#canGoOn || !this.#isBegun);
    const goesOn = resumed && this.#isBegun;
    const isConfirmed = record.isConfirmed || shown === record.sid;
    const sid = resumed ? record.sid : randomName();
    const rt = randomName(TOKEN_BYTES);
    this.record = { sid, tokens: [digestOf(rt), digestOf(used)], epoch, n, isConfirmed, isBegun: goesOn, ...this.#ownership() };
    this.#isBegun = this.#canGoOn = goesOn;
    return { sid, rt, known: isConfirmed, resumed, goesOn };
  }

  begin(): void {
    this.#isBegun = this.#canGoOn = true;
  }

  confirm(): void {
    this.#isUnstored = false;
    this.record = { ...this.record, tokens: this.record.tokens.slice(0, 1), isConfirmed: true, isBegun: true };
  }

  #ownership(): Pick<PeerRecord, 'principal'> {
    return this.#owner === undefined ? {} : { principal: this.#owner };
  }
}

/** Returns whether the digest of a token is among these digests. */
function isAmong(digests: readonly string[], token: string): boolean {
  const own = digestOf(token);
  return digests.some((other) => isSameText(other, own));
}

/**
 * Parses a record from an inbox. Returns `undefined` when the record is absent or malformed, as it
 * may be of another version.
 */
export function parsePeerRecord(value: unknown): PeerRecord | undefined {
  const { sid, tokens, epoch, n, isConfirmed, isBegun, principal } = Object(value) as { readonly [K in keyof PeerRecord]?: unknown };
  if (typeof sid !== 'string' || !Array.isArray(tokens) || typeof epoch !== 'number' || typeof n !== 'number') return undefined;
  return {
    sid,
    epoch,
    n,
    tokens: tokens.filter((token) => typeof token === 'string' && token.length === 43),
    isConfirmed: isConfirmed === true,
    isBegun: isBegun !== false,
    ...(typeof principal === 'string' && { principal }),
  };
}
