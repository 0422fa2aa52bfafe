import { ProtocolError } from '../../../lib/message/errors.js';
import { MAX_DELAY } from '../../../lib/operators/timing/coalescedTimer.js';
import { NAME_PATTERN } from '../../../lib/message/messageLimits.js';
import type { Delivery } from '../../../lib/message/types.js';
import { DEFAULT_LIMITS, LIMIT_NAMES, MAX_BATCH, type LimitsDraft, type ReceiveLimits } from './receiveLimits.js';

/** The version of the session protocol. */
export const PROTOCOL_VERSION = 1;

/** The first frame of a client on each connection. */
export interface Hello {
  readonly v: number;
  /** Identifies the client's outbox. */
  readonly pid: string;
  /** The number of owners that the outbox has had. */
  readonly epoch: number;
  /** The number of connections that this owner has opened. */
  readonly n: number;
  /** The session that the client resumes, and the token that proves its ownership. */
  readonly sid?: string;
  readonly rt?: string;
  /**
   * The tokens of earlier welcomes after which no ack arrived, the latest first. The server may
   * know one of them instead of `rt`.
   */
  readonly former?: readonly string[];
  /**
   * The highest number that the client has accepted from the server in that session; absent if
   * unknown.
   */
  readonly rx?: number;
  /** Whether the client has accepted no message from any server since its outbox was new. */
  readonly fresh?: boolean;
  /** The maximum number of unacked messages to the client, and their maximum size in bytes. */
  readonly window: number;
  readonly bytes: number;
  /** The codecs that the client supports, the best first. */
  readonly codecs: readonly string[];
  /** The id of the client's wire: the default `source` of its messages. */
  readonly id: string;
  /** The credentials of the client. */
  readonly token?: string;
  /** The default delivery guarantee, in both directions. */
  readonly delivery: Delivery;
  /** The limits of the client for one frame. Absent: the limits of docs/protocol.md. */
  readonly limits?: ReceiveLimits;
}

/** The server's answer to a hello. */
export interface Welcome {
  /** The `n` of the hello. */
  readonly n: number;
  readonly sid: string;
  readonly rt: string;
  /** The highest number that the server has accepted from the client. */
  readonly rx: number;
  /** Whether the server knew the client's numbers. */
  readonly known: boolean;
  /** Whether the server's own numbers continue. */
  readonly resumed: boolean;
  /**
   * The maximum number of unacked messages to the server, and their maximum size in bytes. With a
   * window of 0, the client waits for the first ack.
   */
  readonly window: number;
  readonly bytes: number;
  /** The interval in which each side must send at least one frame, in ms. */
  readonly ping: number;
  /** The time until the client's credentials expire, in ms; absent if they do not expire. */
  readonly expires?: number;
  /** The codec for both directions. */
  readonly codec: string;
  /** The id of the server's wire. */
  readonly id: string;
  /** The limits of the server for one frame. Absent: the limits of docs/protocol.md. */
  readonly limits?: ReceiveLimits;
}

const DELIVERIES: readonly unknown[] = ['at-most-once', 'at-least-once', 'exactly-once'];
/**
 * The maximum length of a codec name: the server keeps the names for the lifetime of the
 * connection.
 */
const MAX_CODEC = 128;
/** 21 characters of 6 bits hold 126 random bits, which cannot be guessed. */
const SECRET = /^[\w-]{21,128}$/;

/** @throws {ProtocolError} */
export function parseHello(value: unknown): Hello {
  const { v, pid, epoch, n, sid, rt, rx, window, bytes, codecs, id, token, delivery, limits, former, fresh } = Object(
    value,
  ) as Unchecked<Hello>;
  if (v !== PROTOCOL_VERSION)
    throw new ProtocolError(`the protocol version must be ${PROTOCOL_VERSION}, got ${typeof v === 'number' ? v : typeof v}`);
  const areNames =
    Array.isArray(codecs) &&
    codecs.length > 0 &&
    codecs.length <= 16 &&
    codecs.every((name) => typeof name === 'string' && name.length <= MAX_CODEC);
  check(areNames && DELIVERIES.includes(delivery) && (sid == null) === (rt == null), 'hello');
  return {
    v,
    pid: secret(pid),
    epoch: positive(epoch, 'epoch'),
    n: positive(n, 'n'),
    window: positive(window, 'window'),
    bytes: positive(bytes, 'bytes'),
    codecs: codecs as string[],
    id: name(id),
    delivery: delivery as Delivery,
    ...(sid != null && { sid: secret(sid) }),
    ...(rt != null && { rt: secret(rt) }),
    ...(former != null && { former: tokens(former) }),
    ...(rx != null && { rx: accepted(rx, 'rx') }),
    ...(fresh === true && { fresh }),
    ...(token != null && { token: credential(token) }),
    ...(limits != null && { limits: parseLimits(limits) }),
  };
}

/** @throws {ProtocolError} */
export function parseWelcome(value: unknown): Welcome {
  const { n, sid, rt, rx, known, resumed, window, bytes, ping, expires, codec, id, limits } = Object(value) as Unchecked<Welcome>;
  check(typeof codec === 'string', 'welcome');
  return {
    n: positive(n, 'n'),
    sid: secret(sid),
    rt: secret(rt),
    rx: accepted(rx, 'rx'),
    known: known === true,
    resumed: resumed === true,
    window: whole(window, 'window'),
    bytes: positive(bytes, 'bytes'),
    ping: interval(ping),
    codec: codec as string,
    id: name(id),
    ...(expires != null && { expires: whole(expires, 'expires') }),
    ...(limits != null && { limits: parseLimits(limits) }),
  };
}

/**
 * Returns the limits of the other side.
 * @throws {ProtocolError} When one of them is not a whole
 * number from 1.
 */
function parseLimits(value: unknown): ReceiveLimits {
  if (typeof value !== 'object') throw new ProtocolError('the limits are invalid');
  const limits: LimitsDraft = { ...DEFAULT_LIMITS };
  for (const name of LIMIT_NAMES) {
    const limit = (value as Readonly<Record<string, unknown>>)[name];
    // A batch never has more messages.
    if (limit != null && !(name === 'maxBatch' && positive(limit, name) >= MAX_BATCH)) limits[name] = positive(limit, name);
  }
  return limits;
}

type Unchecked<T> = { readonly [K in keyof T]?: unknown };

function check(isRight: boolean, frame: string): void {
  if (!isRight) throw new ProtocolError(`the ${frame} is invalid`);
}

function name(value: unknown): string {
  check(typeof value === 'string' && NAME_PATTERN.test(value), 'handshake');
  return value as string;
}

function secret(value: unknown): string {
  check(typeof value === 'string' && SECRET.test(value), 'handshake');
  return value as string;
}

/** The maximum number of earlier tokens in a hello. */
export const MAX_FORMER = 4;

function tokens(value: unknown): readonly string[] {
  check(Array.isArray(value) && value.length > 0 && value.length <= MAX_FORMER, 'hello');
  return (value as readonly unknown[]).map(secret);
}

/** The maximum length of a token: as long as an HTTP header may be. */
const MAX_TOKEN = 8_192;

/** @throws {ProtocolError} */
export function credential(value: unknown): string {
  check(typeof value === 'string' && value.length <= MAX_TOKEN, 'handshake');
  return value as string;
}

/** The maximum number: enough for a million messages per second for a century. */
const MAX_NUMBER = 4_503_599_627_370_496;

/**
 * @param name What the number is, for the error.
 * @throws {ProtocolError} When the value is not a
 *   whole number from 0.
 */
export function whole(value: unknown, name: string, least = 0): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= MAX_NUMBER) return value as number;
  throw new ProtocolError(`"${name}" must be a whole number >= ${least}, got ${typeof value === 'number' ? value : typeof value}`);
}

/**
 * @throws {ProtocolError} When the value is not a number behind which there are others: numbers
 *   begin anew behind it in a discontinuity.
 */
function accepted(value: unknown, name: string): number {
  check(whole(value, name) <= MAX_NUMBER / 2, 'handshake');
  return value as number;
}

/** @throws {ProtocolError} When the value is not a whole number from 1. */
function positive(value: unknown, name: string): number {
  return whole(value, name, 1);
}

/** @throws {ProtocolError} When the value is not a valid timer interval. */
function interval(value: unknown): number {
  check(positive(value, 'ping') <= MAX_DELAY, 'welcome');
  return value as number;
}
