import type { IncomingMessage } from 'node:http';
import type { Observable, SchedulerLike } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import type { RxwireError } from '../errors.js';
import { assertNotNegative, assertPositive, assertWhole } from '../internal/assert.js';
import type { DescribedLink, Frame, Link } from '../link/link.js';
import { checkOptions } from '../session/endpointOptions.js';
import { envelopes } from '../envelope/envelopes.js';
import { checkCodecs } from '../session/codecNegotiation.js';
import type { OutboxStore } from '../session/store/outboxStore.js';
import type { WireOptions } from '../wire/wireOptions.js';
import type { Authenticate, Principal } from './principal.js';
import { checkRateLimit, type RateLimit, type Rates } from './rateLimit.js';
import type { Quota } from './session/quota.js';

export interface ServeOptions<P extends Principal | undefined = undefined> extends Omit<WireOptions, 'reconnect'> {
  /** The codecs that clients may use: all of them sealed, or none. @default [json(), msgpack()] */
  readonly codecs?: readonly Codec[];
  /** How long a wire waits for its client to come back, in ms. @default 120_000 */
  readonly detachedTimeout?: number;
  /** Wires that may wait so at once; past that the longest waiting ends. @default 1_000 */
  readonly maxDetached?: number;
  /**
   * Tells who a client is, by what its request and its `token` say; asked for each of its connections. Nothing is kept for a client before. Who is nobody
   * (`undefined`, or a throw) is closed with 4401; when it takes longer than `helloTimeout`, with 1013; when it throws a `ConnectionLostError`, with the code
   * of that. @default nobody is asked
   */
  readonly authenticate?: Authenticate<P>;
  /** How many may be looked into at once; the others wait. @default 100 */
  readonly maxAuthenticating?: number;
  /** Wires of one principal at once; further ones are closed with 1013. @default 100 */
  readonly maxPerPrincipal?: number;
  /** Wires of one principal that may wait for it to come back; past that the longest waiting ends. @default 10 */
  readonly maxDetachedPerPrincipal?: number;
  /**
   * How many messages a principal may send, or a client that is nobody. What is more is acked later, so that its client waits; what has no number (at-most-once)
   * is dropped, and reported, as is what speaks envelopes, unacked; who goes on with that is closed with 4429. @default no limit; of `{}`, 100 a second and 200 at once
   */
  readonly rateLimit?: RateLimit;
  /**
   * Frames of a connection that may set nothing in motion: it asks and asks, acks what is acked, repeats what has come. A tenth of that is forgiven each second.
   * Who brings messages, or acks what was sent, comes nowhere near, however fast; who goes on is closed with 4429. It is looked once in 256 frames. @default 1_000
   */
  readonly maxIdleFrames?: number;
  /** How often each side of a session must be heard, in ms: who is not for 2.5 times that is taken for gone. @default 15_000 */
  readonly pingInterval?: number;
  /**
   * How long a session that has nothing to do stays awake, in ms: then it hibernates, which takes a fraction of the memory. A session that hibernates sends by itself, and
   * wakes up when more is needed. @default until a moment after it was connected, or until its client is silent for half of `pingInterval`
   */
  readonly hibernateAfter?: number;
  /**
   * Where what is sent to a client is kept until it is acked, by the name of the client. What outlives a restart is of use only together
   * with an `inbox`. @default memoryOutbox()
   */
  readonly outbox?: (pid: string) => OutboxStore;
  /**
   * When it emits, the server stops: nobody new is let in, each client is told to send no more and when to come back, and what is on its way is waited for, for
   * `drainTimeout` at most. Then all is closed with 1001, and the Observable completes. Unsubscribing closes at once. @default never
   */
  readonly shutdown$?: Observable<unknown>;
  /** How long clients stay away then, in ms; they return within as long again, not all at once. @default 1_000 */
  readonly retryAfter?: number;
  /** Where chance comes from: numbers from 0 up to, but not including, 1. @default Math.random */
  readonly random?: () => number;
  /** Told of connections that ended before they became a wire, and of requests for one from pages, or by names, that are not among `origins` and `hosts`. */
  readonly onRefused?: (error: RxwireError) => void;
}

/** What `serve` takes of whoever the clients may be. */
export type AnyServeOptions = Omit<ServeOptions, 'authenticate'> & {
  readonly authenticate?: Authenticate<Principal | undefined>;
  readonly endpoint?: string;
};

/** The options of the wires of a server, for both protocols. */
export interface WiresOptions extends WireOptions {
  readonly codecs: readonly Codec[];
  readonly endpoint: string;
  readonly detachedTimeout: number;
  readonly maxIdleFrames?: number | undefined;
  readonly quota: Quota;
  /** The rate limits of the clients, where there are any. */
  readonly rates?: Rates | undefined;
  readonly scheduler: SchedulerLike;
}

/** A connection that is served. */
export type ServedLink = Link<Frame> &
  Pick<DescribedLink, 'protocol'> & {
    /** What it began with, for `authenticate`; where it is missing, an empty one. */
    readonly request?: IncomingMessage;
    /** Told who has opened it; `identify` tells who makes another request of the same connection. */
    readonly onIdentified?: (
      principal: Principal | undefined,
      identify: (request: IncomingMessage) => Observable<Principal | undefined>,
    ) => void;
  };

/** @throws {RangeError} When a number is out of range. @throws {TypeError} When some codecs seal and others do not. */
export function checkServeOptions(owner: string, options: AnyServeOptions): void {
  const {
    helloTimeout,
    detachedTimeout,
    pingInterval,
    maxDetached,
    maxAuthenticating,
    maxPerPrincipal,
    maxDetachedPerPrincipal,
    maxIdleFrames,
    retryAfter,
    rateLimit = {},
  } = options;
  assertPositive(owner, { helloTimeout, detachedTimeout, maxAuthenticating, maxPerPrincipal, maxIdleFrames });
  assertWhole(owner, { pingInterval });
  assertPositive(owner, { hibernateAfter: options.hibernateAfter });
  assertNotNegative(owner, { maxDetached, maxDetachedPerPrincipal, retryAfter });
  checkRateLimit(owner, rateLimit);
  checkOptions(owner, options);
  if (options.codecs) checkCodecs(owner, options.codecs);
  // Called for its checks: each wire calls it again, too late for whoever made a mistake.
  envelopes(options);
}
