import { ProtocolError } from '../../errors.js';
import { MAX_DELAY } from '../../internal/coalescedTimer.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';
import type { Delivery } from '../../message/types.js';

/** The version of the session protocol. */
export const PROTOCOL_VERSION = 1;

/** How a client opens a connection. */
export interface Hello {
  readonly v: number;
  /** Names the client's outbox. */
  readonly pid: string;
  /** How many owners the outbox has had. */
  readonly epoch: number;
  /** How many connections this owner has opened. */
  readonly n: number;
  /** The session it comes back to, and the token that proves that it is its own. */
  readonly sid?: string;
  readonly rt?: string;
  /** The highest number it has accepted from the server in that session; absent when it has forgotten. */
  readonly rx?: number;
  /** Messages and bytes that may be on their way to the client, unacked. */
  readonly window: number;
  readonly bytes: number;
  /** The codecs it knows, the best first. */
  readonly codecs: readonly string[];
  /** The name of the client's wire: the source of messages that name none. */
  readonly id: string;
  /** What shows who the client is. */
  readonly token?: string;
  /** What the client asks for by default, in both directions. */
  readonly delivery: Delivery;
  /** Whether the client reads batches that carry an ack, and lets acks wait as a batch says. */
  readonly lazyAcks?: boolean;
}

/** How the server answers. */
export interface Welcome {
  /** That of the hello. */
  readonly n: number;
  readonly sid: string;
  readonly rt: string;
  /** The highest number the server has accepted from the client. */
  readonly rx: number;
  /** Whether the server knew the client's numbers. */
  readonly known: boolean;
  /** Whether the server's own numbers go on where they were. */
  readonly resumed: boolean;
  /** Messages and bytes that may be on their way to the server, unacked. */
  readonly window: number;
  readonly bytes: number;
  /** How often each side must be heard, in ms. */
  readonly ping: number;
  /** In how many ms what the client has shown is worth nothing any more; absent when it does not expire. */
  readonly expires?: number;
  /** The one codec for both directions. */
  readonly codec: string;
  /** The name of the server's wire. */
  readonly id: string;
  /** Whether the server does, too: only where the hello has said so. */
  readonly lazyAcks?: boolean;
}

const DELIVERIES: readonly unknown[] = ['at-most-once', 'at-least-once', 'exactly-once'];
/** Characters that the name of a codec may have: the server keeps the names for as long as the connection. */
const MAX_CODEC = 128;
/** 21 characters of 6 bits hold 126 random bits: nobody guesses them. */
const SECRET = /^[\w-]{21,128}$/;

/** @throws {ProtocolError} */
export function parseHello(value: unknown): Hello {
  const { v, pid, epoch, n, sid, rt, rx, window, bytes, codecs, id, token, delivery, lazyAcks } = Object(value) as Unchecked<Hello>;
  if (v !== PROTOCOL_VERSION) throw new ProtocolError(`version ${typeof v === 'number' ? v : '?'} of the protocol`);
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
  };
}

/** @throws {ProtocolError} */
export function parseWelcome(value: unknown): Welcome {
  const { n, sid, rt, rx, known, resumed, window, bytes, ping, expires, codec, id, lazyAcks } = Object(value) as Unchecked<Welcome>;
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
  };
}

type Unchecked<T> = { readonly [K in keyof T]?: unknown };

function check(isRight: boolean, frame: string): void {
  if (!isRight) throw new ProtocolError(`a ${frame} with a wrong field`);
}

function name(value: unknown): string {
  check(typeof value === 'string' && NAME_PATTERN.test(value), 'handshake');
  return value as string;
}

function secret(value: unknown): string {
  check(typeof value === 'string' && SECRET.test(value), 'handshake');
  return value as string;
}

/** Characters that a token may have: enough for any, and what a header may have. */
const MAX_TOKEN = 8_192;

/** @throws {ProtocolError} */
export function credential(value: unknown): string {
  check(typeof value === 'string' && value.length <= MAX_TOKEN, 'handshake');
  return value as string;
}

/** No number is higher: there is room for a million a second for a century. */
const MAX_NUMBER = 2 ** 52;

/** @throws {ProtocolError} When it is no whole number from 0. */
export function whole(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_NUMBER) return value as number;
  throw new ProtocolError('a number that is none');
}

/** @throws {ProtocolError} When it is no whole number from 1. */
function positive(value: unknown): number {
  return whole(value) || whole(NaN);
}

/** @throws {ProtocolError} When it is nothing that a timer can keep. */
function interval(value: unknown): number {
  check(positive(value) <= MAX_DELAY, 'welcome');
  return value as number;
}
