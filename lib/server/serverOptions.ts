import type { PacedHandshakes } from './accept/pacedHandshakes.js';
import type { IncomingMessage } from 'node:http';
import type { Observable } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import type { RxwireError } from '../message/errors.js';
import { checkOptions } from '../message/development.js';
import { anything, notNegative, positive, readOptions, whole, type OptionTable } from '../message/options/readOptions.js';
import { steadyScheduler } from '../message/steadyScheduler.js';
import type { DescribedLink, Frame, Link, LinkConnection } from '../io/link.js';
import { ENVELOPE_OPTIONS } from '../wire/envelope/envelopeOptions.js';
import { checkCodecs, checkDeadLetters } from '../message/options/checkArguments.js';
import { ENDPOINT_OPTIONS } from '../wire/session/sessionOptions.js';
import { PING_INTERVAL } from '../core/keepalive.js';
import type { DeadLetterStore } from '../stores/deadLetterStore.js';
import type { OutboxStore } from '../stores/outboxStore.js';
import type { WireOptions } from '../wire/connect.js';
import type { Authenticate, Principal } from './principal.js';
import type { ServerCluster } from '../wire/session/serverCluster.js';
import { readRateLimit, type RateLimit, type Rates } from './limits/rateLimit.js';
import type { Quota } from './session/quota.js';
import { checkSystemMessages, SYSTEM_OPTIONS, type SystemMessagesOptions } from './session/systemMessages.js';

export interface ServeOptions<P extends Principal | undefined = undefined> extends Omit<WireOptions, 'reconnect'> {
  /**
   * The codecs that clients may use; either all are sealed or none.
   * @default [json(), msgpack()]
   */
  readonly codecs?: readonly Codec[];
  /** How long a wire waits for its client to return, in ms. @default 120_000 */
  readonly detachedTimeout?: number;
  /**
   * Wires that may wait for their clients at once. Past that, the principal, or the address of
   * anonymous clients, that has most of them loses the one that has waited longest.
   * @default 1_000
   */
  readonly maxDetached?: number;
  /**
   * Returns the principal of a client, by its request and its `token`. The server calls this
   * function for each connection, and keeps no state of the client before its result. The server
   * closes the connection with 4401, which is final, only when this returns `undefined` or `null`,
   * or a principal that has expired. The server closes it with 1013, after which the client tries
   * again, and reports a `CallbackError` to `onRefused`, when this throws, takes longer than
   * `handshakeTimeout`, or returns a value that is no principal.
   * @default all clients are anonymous
   */
  readonly authenticate?: Authenticate<P>;
  /** Clients that are authenticated at once; the others wait. @default 100 */
  readonly maxAuthenticating?: number;
  /** Wires of one principal at once; further connections are closed with 1013. @default 100 */
  readonly maxPerPrincipal?: number;
  /**
   * Wires of one principal that may wait for their clients; past that, the one that has waited
   * longest ends.
   * @default 10
   */
  readonly maxDetachedPerPrincipal?: number;
  /**
   * How many messages a principal, or an anonymous client, may send. The server delays the acks of
   * messages above the limit, which slows the client. It drops and reports messages that need no
   * ack (at-most-once), and those of clients that speak envelopes; it closes the connection of a
   * client that does not slow down with 4429.
   * @default no limit; for `{}`, 100 per second and 200
   * at once
   */
  readonly rateLimit?: RateLimit;
  /**
   * Frames of a connection that may have no effect: pings, acks of acked messages, repeats. The
   * allowance recovers by a tenth each second. A client that sends messages, or acks those of the
   * server, does not get near this limit. The server checks every 256 frames, and closes the
   * connection with 4429.
   * @default 1_000
   */
  readonly maxIdleFrames?: number;
  /**
   * How often each side of a session must send, in ms. A peer that is silent for 2.5 intervals is
   * considered dead.
   * @default 15_000
   */
  readonly pingInterval?: number;
  /**
   * Returns the outbox for a client, which keeps the messages to the client until they are acked. A
   * persistent outbox is useful only together with an `inbox`.
   *
   * @param group The principal of the client, or the address of an anonymous client: a store that
   *   is full may remove messages of the group that has most.
   * @default memoryOutbox()
   */
  readonly outbox?: (pid: string, group: string) => OutboxStore;
  /**
   * Connects the server with the servers of other nodes. A client may connect to any node, and its
   * session continues there. Provides the `inbox` and `outbox` of the server, unless they are set.
   * @default a single server
   */
  readonly cluster?: ServerCluster;
  /**
   * Stops the server when it emits: the server refuses new clients, requests each client to stop
   * sending and to reconnect later, and waits until all messages are acked, for `drainTimeout` at
   * most. Then it closes all connections with 1001, and the Observable completes. Unsubscribing
   * closes at once.
   * @default never
   */
  readonly shutdown$?: Observable<unknown>;
  /**
   * How long clients wait after the server has stopped, in ms. Each client adds a random time of up
   * to `retryAfter`, or to 1 ms for each client if this is more, so that they do not all return at
   * once.
   * @default 1_000; 0 with a `cluster`:
   * another node is there
   */
  readonly retryAfter?: number;
  /** The messages that the server sends by itself. @default { pong: true, shutdown: true } */
  readonly system?: SystemMessagesOptions;
  /** The source of randomness: numbers from 0 up to, but not including, 1. @default Math.random */
  readonly random?: () => number;
  /**
   * Called for each connection that ended before it became a wire, for each request from a page, or
   * to a host name, that is not among `origins` and `hosts`, and with a `CallbackError` when
   * another function of these options fails. An exception is reported to `config.onUnhandledError`
   * of RxJS, or as a warning of the process; so is a `CallbackError` without this function.
   * Without it, the server prints a warning for each refused origin and host name, of 100 at most.
   */
  readonly onRefused?: (error: RxwireError) => void;
}

/** The rules and defaults of the options of `serve`. */
export const SERVE_OPTIONS = {
  ...ENDPOINT_OPTIONS,
  ...ENVELOPE_OPTIONS,
  codecs: [anything],
  detachedTimeout: [positive, 120_000],
  maxDetached: [notNegative, 1_000],
  authenticate: [anything],
  maxAuthenticating: [positive, 100],
  maxPerPrincipal: [positive, 100],
  maxDetachedPerPrincipal: [notNegative, 10],
  rateLimit: [anything],
  maxIdleFrames: [positive, 1_000],
  pingInterval: [whole, PING_INTERVAL],
  outbox: [anything],
  cluster: [anything],
  shutdown$: [anything],
  retryAfter: [notNegative],
  system: [anything],
  random: [anything],
  onRefused: [anything],
  endpoint: [anything, ''],
} as const satisfies OptionTable<AnyServeOptions>;

/** The options of `serve`, for any type of principal. */
export type AnyServeOptions = Omit<ServeOptions, 'authenticate'> & {
  readonly authenticate?: Authenticate<Principal | undefined>;
  readonly endpoint?: string;
};

/** The options of the wires of a server, for both protocols. */
export interface WiresOptions extends Omit<FullServeOptions, 'rateLimit' | 'system' | 'codecs'> {
  readonly codecs: readonly Codec[];
  readonly quota: Quota;
  readonly system: Required<SystemMessagesOptions>;
  /** The dead letters of all wires. */
  readonly letters: DeadLetterStore;
  /** The rate limits of the clients; `undefined` without `rateLimit`. */
  readonly rates?: Rates | undefined;
}

/** A link to one client. */
export type ServedLink = Link<Frame> &
  Pick<DescribedLink, 'protocol'> & {
    /**
     * The address of the client. When too many wires wait for their clients, those of the address
     * that has most of them end first.
     * @default ''
     */
    readonly address?: string;
    /** Called with `address` when the connection is closed as a flood (4429). */
    readonly onFlood?: (address: string) => void;
    /** The request that opened the link, for `authenticate`. @default an empty request */
    readonly request?: IncomingMessage;
    /**
     * Called with the principal that has opened the link; `identify` emits the principal of another
     * request for the same link.
     */
    readonly onIdentified?: (
      principal: Principal | undefined,
      identify: (request: IncomingMessage) => Observable<Principal | undefined>,
    ) => void;
  };

/** A connection that takes the place of a link. */
export interface ServedSocket extends Pick<ServedLink, 'protocol' | 'address' | 'onFlood' | 'request' | 'onIdentified'> {
  readonly connection: LinkConnection;
}

/** The options of a server, with their defaults. */
export type FullServeOptions = ReturnType<typeof readServeOptions> & {
  /** Counts the streams of connections that carry several. @default they are not counted */
  readonly admission?: StreamAdmission;
  /** Whether idle sessions set no timers. @default false */
  readonly hibernates?: boolean;
  /** Decides when hellos are handled. @default at once */
  readonly handshakes?: PacedHandshakes;
};

/** Decides which streams an address may open: they count as connections. */
export interface StreamAdmission {
  /** Returns a refusal if the address opens too many connections a second. */
  throttle(address: string): StreamRefusal | undefined;
  /** Returns a function to be called at the end of the stream, or a refusal. */
  enter(address: string): StreamRefusal | (() => void);
}

interface StreamRefusal {
  readonly status: number;
}

/**
 * Returns the options of `serve` among those of a server, with their defaults.
 *
 * @throws {RangeError} When a number is out of range.
 * @throws {TypeError} When an option is unknown, some codecs seal and others do not, or an option
 *   of `system` is no boolean.
 */
export function readServeOptions(owner: string, options: AnyServeOptions) {
  checkOptions(owner, options);
  const { scheduler = steadyScheduler(), ...read } = readOptions(owner, options, SERVE_OPTIONS);
  const { cluster, codecs, rateLimit, system = {}, retryAfter = cluster ? 0 : 1_000 } = read;
  checkSystemMessages(owner, system);
  checkDeadLetters(owner, read);
  if (codecs) checkCodecs(owner, codecs);
  return {
    ...read,
    scheduler,
    retryAfter,
    rateLimit: rateLimit && readRateLimit(owner, rateLimit),
    system: readOptions(owner, system, SYSTEM_OPTIONS),
  };
}

/** The limit of a small message. */
const MIN_LIMIT = 4_096;
/** The minimum average size of fragments, in bytes: no client has reason to send smaller ones. */
const SMALLEST_FRAGMENT = 256;

/**
 * Returns the maximum number of fragments in which a message of this size may arrive: a small
 * fragment takes more memory than its content.
 */
export function maxFragments(bytes: number): number {
  return Math.max(MIN_LIMIT, bytes / SMALLEST_FRAGMENT);
}
