import { MAX_BATCH, NAME_PATTERN } from '../message/messageLimits.js';
import type { Delivery } from '../message/types.js';
import { invalid, wholeNumber } from './frameFormat.js';
import type { FrameLimits, SessionCodec, CoreOptions } from './coreTypes.js';
import type { SessionTicket } from './storedTypes.js';

const SECRET = /^[\w-]{21,128}$/;
/** An `rx` may not be higher: a discontinuity needs the numbers above it. */
const MAX_RX = 2 ** 51;
const MAX_INTERVAL = 2 ** 31 - 1;
/** How many tokens of earlier welcomes a hello names. */
const MAX_FORMER = 4;
const LIMIT_NAMES = ['maxFrame', 'maxBatch', 'maxDepth', 'maxNodes', 'maxSize'] as const;

// ---- Fields of both handshakes (section 4)

export const isShortName = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= 128 && NAME_PATTERN.test(value);
export const readSecret = (value: unknown): string =>
  typeof value === 'string' && SECRET.test(value) ? value : invalid('a secret is invalid');
export const readRx = (value: unknown): number => (wholeNumber(value) <= MAX_RX ? (value as number) : invalid('a number is too high'));
/** The highest number that is accepted or processed; missing if it is `rx`. */
export const readTop = (value: unknown, rx: number): number => (value == null ? rx : Math.max(rx, readRx(value)));

/** Returns the limits of the other side, without those that are missing. */
export function readLimits(value: unknown): FrameLimits {
  if (value == null) return {};
  if (typeof value !== 'object') invalid('the limits are invalid');
  const limits: { -readonly [K in keyof FrameLimits]: FrameLimits[K] } = {};
  for (const name of LIMIT_NAMES) {
    const limit = (value as Readonly<Record<string, unknown>>)[name];
    if (limit != null) limits[name] = wholeNumber(limit, 1);
  }
  return limits;
}

/** Returns the lowest limit of each kind among the codecs that this side may use. */
export function ownLimits(maxFrame: number, codecs: readonly SessionCodec[]): FrameLimits {
  const lowest: { -readonly [K in keyof FrameLimits]: FrameLimits[K] } = { maxFrame: Math.max(1, Math.floor(Math.min(maxFrame, 2 ** 52))) };
  for (const { limits = {} } of codecs)
    for (const name of LIMIT_NAMES) {
      const limit = (limits as FrameLimits)[name];
      const isUsual = name === 'maxBatch' && (limit ?? 0) >= MAX_BATCH;
      if (limit !== undefined && !isUsual && limit < (lowest[name] ?? Infinity)) lowest[name] = Math.max(1, Math.floor(limit));
    }
  return lowest;
}

/** The facts that a handshake tells of the other side. */
export interface Agreement {
  /** The id of the other side. */
  readonly id: string;
  readonly codec: SessionCodec;
  /**
   * The highest number that the other side has accepted, and the highest one that it has accepted
   * or processed.
   */
  readonly rx: number;
  readonly top: number;
  /** Whether the numbers of this side continue. */
  readonly isKnown: boolean;
  /** Whether no message of this side can be in doubt. */
  readonly isFresh: boolean;
  readonly window: number;
  readonly bytes: number;
  readonly pingInterval: number;
  readonly limits: FrameLimits;
}

// ---- The client

/** The state that a client remembers from one connection to the next. */
export class ClientIdentity {
  pid: string;
  /** How many owners the outbox has had. */
  epoch: number;
  n = 0;
  ticket: SessionTicket | undefined;
  /** Whether this process knows the `rx` of the session of the ticket. */
  hasProgress = false;
  /** Whether no server has delivered a message to this client. */
  isFresh: boolean;
  token: string | undefined;

  constructor(pid: string, epoch = 1) {
    this.pid = pid;
    this.epoch = epoch;
    this.isFresh = epoch === 1;
  }
  /** The client continues with an outbox that it has opened. */
  own({ pid, epoch, ticket }: { readonly pid: string; readonly epoch: number; readonly ticket?: SessionTicket | undefined }): undefined {
    this.pid = pid;
    this.epoch = epoch;
    this.ticket = ticket;
    this.isFresh = epoch === 1;
  }
}

/** Returns the hello of the next connection. */
export function helloFrame(
  identity: ClientIdentity,
  options: CoreOptions,
  agreed: SessionCodec | undefined,
  rx: number,
  top: number,
): string {
  const { id, window, bytes, codecs, delivery, maxFrame } = options;
  const { pid, epoch, ticket, hasProgress, token } = identity;
  identity.isFresh &&= rx === 0;
  const fields = {
    v: 1,
    pid,
    epoch,
    n: ++identity.n,
    sid: ticket?.sid,
    rt: ticket?.rt,
    former: ticket && ticket.former.length > 0 ? ticket.former : undefined,
    rx: hasProgress ? rx : undefined,
    top: hasProgress && top > rx ? top : undefined,
    fresh: identity.isFresh || undefined,
    window,
    bytes,
    // The codec of a session stays the same (rule 8 of the server).
    codecs: [...new Set([agreed, ...codecs].flatMap((codec) => codec?.name ?? []))],
    id,
    delivery: delivery satisfies Delivery,
    limits: ownLimits(maxFrame, codecs),
    token,
  };
  return JSON.stringify(['hello', fields]);
}

export interface ReceivedWelcome extends Agreement {
  /** Whether the numbers of the server continue. */
  readonly isResumed: boolean;
  /** The time until the credentials expire, in ms; undefined if they do not expire. */
  readonly expires: number | undefined;
  readonly ticket: SessionTicket;
}

/**
 * Parses a welcome.
 *
 * @param isUnacked Whether no ack has come behind the ticket of the client: the server may not have
 *   stored it.
 * @throws {Violation} If the client must refuse it (rule 2 of the client).
 */
export function readWelcome(
  value: unknown,
  identity: ClientIdentity,
  codecs: readonly SessionCodec[],
  isUnacked: boolean,
): ReceivedWelcome {
  const { n, sid, rt, rx, top, known, resumed, window, bytes, ping, expires, codec, id, limits } = Object(value) as Readonly<
    Record<string, unknown>
  >;
  const { ticket } = identity;
  const isResumed = resumed === true;
  const agreed = codecs.find(({ name }) => name === codec) ?? invalid('the welcome names a codec that the hello did not offer');
  if (!isShortName(id) || wholeNumber(ping, 1) > MAX_INTERVAL || wholeNumber(n, 1) !== identity.n) invalid('the welcome is invalid');
  if (isResumed && !(known === true && identity.hasProgress && sid === ticket?.sid)) invalid('the welcome resumes another session');
  const former = ticket && isUnacked ? [ticket.rt, ...ticket.former].slice(0, MAX_FORMER) : [];
  return {
    id,
    codec: agreed,
    rx: readRx(rx),
    top: readTop(top, rx as number),
    isKnown: known === true,
    isFresh: false,
    window: wholeNumber(window),
    bytes: wholeNumber(bytes, 1),
    pingInterval: ping as number,
    limits: readLimits(limits),
    isResumed,
    expires: expires == null ? undefined : wholeNumber(expires),
    ticket: { sid: readSecret(sid), rt: readSecret(rt), former },
  };
}
