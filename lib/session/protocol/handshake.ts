import { ProtocolError } from '../../errors.js';
import { MAX_DELAY } from '../../internal/coalescedTimer.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';
import type { Delivery } from '../../message/types.js';

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
  /** The highest number that the client has accepted from the server in that session; absent if unknown. */
  readonly rx?: number;
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
  /** Whether the client reads batches that carry an ack, and lets acks wait as a batch says. */
  readonly lazyAcks?: boolean;
  /** Whether the client reads the rejections of its messages. */
  readonly rejections?: boolean;
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
  /** The maximum number of unacked messages to the server, and their maximum size in bytes. */
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
  /** Whether the server supports lazy acks, too. Only in answer to a hello with `lazyAcks`. */
  readonly lazyAcks?: boolean;
  /** Whether the server reads the rejections of its messages, too. Only in answer to a hello with `rejections`. */
  readonly rejections?: boolean;
}

const DELIVERIES: readonly unknown[] = ['at-most-once', 'at-least-once', 'exactly-once'];
/** The maximum length of a codec name: the server keeps the names for the lifetime of the connection. */
const MAX_CODEC = 128;
/** 21 characters of 6 bits hold 126 random bits, which cannot be guessed. */
const SECRET = /^[\w-]{21,128}$/;

/** @throws {ProtocolError} */
export function parseHello(value: unknown): Hello {
  const { v, pid, epoch, n, sid, rt, rx, window, bytes, codecs, id, token, delivery, lazyAcks, rejections } = Object(
    value,
  ) as Unchecked<Hello>;
  if (v !== PROTOCOL_VERSION) throw new ProtocolError(`unsupported protocol version ${typeof v === 'number' ? v : '?'}`);
  const areNames =
    Array.isArray(codecs) && codecs.length <= 16 && codecs.every((name) => typeof name === 'string' && name.length <= MAX_CODEC);
  check(areNames && DELIVERIES.includes(delivery), 'hello');
  return {
    v,
    pid: secret(pid),
    epoch: positive(epoch),
    n: positive(n),
    window: positive(window),
    bytes: positive(bytes),
    codecs: codecs as string[],
    id: name(id),
    delivery: delivery as Delivery,
    ...(sid != null && { sid: secret(sid) }),
    ...(rt != null && { rt: secret(rt) }),
    ...(rx != null && { rx: whole(rx) }),
    ...(token != null && { token: credential(token) }),
    ...(lazyAcks === true && { lazyAcks }),
    ...(rejections === true && { rejections }),
  };
}

/** @throws {ProtocolError} */
export function parseWelcome(value: unknown): Welcome {
  const { n, sid, rt, rx, known, resumed, window, bytes, ping, expires, codec, id, lazyAcks, rejections } = Object(
    value,
  ) as Unchecked<Welcome>;
  check(typeof codec === 'string', 'welcome');
  return {
    n: positive(n),
    sid: secret(sid),
    rt: secret(rt),
    rx: whole(rx),
    known: known === true,
    resumed: resumed === true,
    window: positive(window),
    bytes: positive(bytes),
    ping: interval(ping),
    codec: codec as string,
    id: name(id),
    ...(expires != null && { expires: whole(expires) }),
    ...(lazyAcks === true && { lazyAcks }),
    ...(rejections === true && { rejections }),
  };
}

type Unchecked<T> = { readonly [K in keyof T]?: unknown };

function check(isRight: boolean, frame: string): void {
  if (!isRight) throw new ProtocolError(`invalid field in a ${frame}`);
}

function name(value: unknown): string {
  check(typeof value === 'string' && NAME_PATTERN.test(value), 'handshake');
  return value as string;
}

function secret(value: unknown): string {
  check(typeof value === 'string' && SECRET.test(value), 'handshake');
  return value as string;
}

/** The maximum length of a token: as long as an HTTP header may be. */
const MAX_TOKEN = 8_192;

/** @throws {ProtocolError} */
export function credential(value: unknown): string {
  check(typeof value === 'string' && value.length <= MAX_TOKEN, 'handshake');
  return value as string;
}

/** The maximum number: enough for a million messages per second for a century. */
const MAX_NUMBER = 2 ** 52;

/** @throws {ProtocolError} When the value is not a whole number from 0. */
export function whole(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_NUMBER) return value as number;
  throw new ProtocolError('invalid number');
}

/** @throws {ProtocolError} When the value is not a whole number from 1. */
function positive(value: unknown): number {
  return whole(value) || whole(NaN);
}

/** @throws {ProtocolError} When the value is not a valid timer interval. */
function interval(value: unknown): number {
  check(positive(value) <= MAX_DELAY, 'welcome');
  return value as number;
}
