import { createHash, timingSafeEqual } from 'node:crypto';
import { CloseCode } from '../../link/closeCode.js';
import type { Hello, Welcome } from '../../session/protocol/handshake.js';
import type { Principal } from '../principal.js';
import { randomName } from '../randomName.js';

/** What a server knows of a client apart from its messages: plain data, for an inbox to store. */
export interface PeerRecord {
  /** The session it was welcomed to last. */
  readonly sid: string;
  /** Digests of the tokens it may show: the one of the last welcome, and the one before until that was used. */
  readonly tokens: readonly string[];
  /** Its latest hello. */
  readonly epoch: number;
  readonly n: number;
  /** Whether it was seen to have got a welcome: from then on its numbers are those we know. */
  readonly isConfirmed: boolean;
  /** Whether something may have been sent in that session. */
  readonly isBegun: boolean;
  /** The `id` of whose session it is, where that was asked for. */
  readonly principal?: string;
}

/** What to tell a client. */
export interface Greeting extends Pick<Welcome, 'sid' | 'rt' | 'known' | 'resumed'> {
  /** Whether our own numbers go on where they are; a session in which nothing was sent yet is resumed, too, and has none. */
  readonly goesOn: boolean;
}

/** One client, across its connections, the server's restarts, and attempts of others to be it. */
export interface Peer {
  readonly record: PeerRecord;
  /** Why this hello of this principal is refused, if it is. */
  refusal(hello: Hello, principal: Principal | undefined): CloseCode | undefined;
  /** A hello that was not refused is answered with a new token. */
  greet(hello: Hello): Greeting;
  /** It has used the token of the last welcome. */
  confirm(): void;
  /** What is sent to it from now on has the numbers of its session. */
  begin(): void;
}

/** 32 bytes hold 256 bits, in 43 characters. */
const TOKEN_BYTES = 32;

/**
 * @param known What was stored of it; nothing, when it is new.
 * @param canResume Whether what was sent to it in that session is still here.
 * @param principal Whose it is, when it is new.
 */
export function createPeer(known: PeerRecord | undefined, canResume: boolean, principal: Principal | undefined): Peer {
  return new KnownPeer(known, canResume, principal);
}

class KnownPeer implements Peer {
  record: PeerRecord;
  readonly #isOld: boolean;
  readonly #owner: string | undefined;
  /** Whether something was sent in its session. */
  #isBegun: boolean;
  /** Whether what is not acked of that is here. */
  #canGoOn: boolean;

  constructor(known: PeerRecord | undefined, canResume: boolean, principal: Principal | undefined) {
    this.#isOld = known !== undefined;
    this.#owner = known ? known.principal : principal?.id;
    this.record = known ?? { sid: '', tokens: [], epoch: 0, n: 0, isConfirmed: false, isBegun: false, ...this.#ownership() };
    this.#isBegun = this.record.isBegun;
    this.#canGoOn = canResume;
  }

  refusal({ epoch, n, rt = '' }: Hello, shown: Principal | undefined): CloseCode | undefined {
    const { record } = this;
    // First of all: to anybody else it is as if there were no such session.
    if (this.#owner !== shown?.id) return CloseCode.FORBIDDEN;
    if (epoch < record.epoch || (epoch === record.epoch && n <= record.n)) return CloseCode.SUPERSEDED;
    // Who was never seen to have got a welcome has nothing here: it may have been an owner of the outbox that is fenced by now.
    const isOwned = this.#isOld || record.isConfirmed;
    if (isOwned && !record.tokens.some((token) => isSame(token, digest(rt)))) return CloseCode.FORBIDDEN;
    return undefined;
  }

  greet({ epoch, n, sid: shown, rt: used = '', rx }: Hello): Greeting {
    const { record } = this;
    const resumed = shown === record.sid && rx !== undefined && (this.#canGoOn || !this.#isBegun);
    const goesOn = resumed && this.#isBegun;
    const isConfirmed = record.isConfirmed || shown === record.sid;
    const sid = resumed ? record.sid : randomName();
    const rt = randomName(TOKEN_BYTES);
    this.record = { sid, tokens: [digest(rt), digest(used)], epoch, n, isConfirmed, isBegun: goesOn, ...this.#ownership() };
    this.#isBegun = this.#canGoOn = goesOn;
    return { sid, rt, known: isConfirmed, resumed, goesOn };
  }

  begin(): void {
    this.#isBegun = this.#canGoOn = true;
  }

  confirm(): void {
    this.record = { ...this.record, tokens: this.record.tokens.slice(0, 1), isConfirmed: true, isBegun: true };
  }

  #ownership(): Pick<PeerRecord, 'principal'> {
    return this.#owner === undefined ? {} : { principal: this.#owner };
  }
}

/** A stolen record opens no session. */
function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

function isSame(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

/** What an inbox gave back may be of another version, or nobody's. */
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
