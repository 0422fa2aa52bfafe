import { noop, ReplaySubject, type Observable, type SchedulerLike } from 'rxjs';
import { ProtocolError } from '../../errors.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import { steadyScheduler } from '../../internal/steadyScheduler.js';
import type { Codec } from '../../codec/codec.js';
import type { NegotiatedCodec } from '../../session/codecNegotiation.js';
import type { Connection } from '../../session/connection.js';
import type { Endpoint } from '../../session/endpoint.js';
import type { Agreement, EndpointParts } from '../../session/endpointParts.js';
import { DEFAULTS, type EndpointOptions } from '../../session/endpointOptions.js';
import { controlFrame } from '../../session/protocol/frames.js';
import type { Hello, Welcome } from '../../session/protocol/handshake.js';
import { DEFAULT_LIMITS, receiveLimits } from '../../session/protocol/receiveLimits.js';
import type { InboxLease } from '../../session/store/inbox.js';
import type { OutboxCalls } from '../../session/store/outboxCalls.js';
import { storeErrorOf } from '../../session/store/storeErrorOf.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { expiryOf } from '../accept/authentication.js';
import type { Principal } from '../principal.js';
import type { Greeting, Peer } from './resumption.js';

export interface HandshakeOptions extends EndpointOptions {
  /** The interval in which each side must send at least one frame, in ms. */
  readonly pingInterval: number;
}

export interface HandshakeParts extends Pick<EndpointParts, 'fail' | 'wait'> {
  /** The lease on the record of the client; `undefined` without an inbox. */
  readonly lease: InboxLease | undefined;
  readonly peer: Peer;
  readonly codec: NegotiatedCodec;
  /** The name of the codec that both sides support. */
  readonly agreed: string;
  readonly store: OutboxCalls;
  /**
   * The answer to the first hello, if it was sent before the session began. Then the store is
   * opened when the client has confirmed it.
   */
  readonly greeting: Greeting | undefined;
  /** Returns the latest connection of the client, which is open or about to be. */
  readonly attachment: () => IncomingConnection;
  /** Called when the handshake is complete. */
  readonly onAgreed: () => void;
}

/** The fields of a welcome that the session determines. */
interface WelcomeTerms extends Pick<Welcome, 'id' | 'rx'> {
  /** The messages that may be on their way to the server. @default the option `window` */
  readonly window?: number | undefined;
  readonly codec: Codec;
  readonly principal: Principal | undefined;
}

/** Returns the welcome for a hello. */
export function welcomeOf(
  { n, lazyAcks = false, rejections = false }: Hello,
  { sid, rt, known, resumed }: Greeting,
  { principal, id, rx, codec, window: granted }: WelcomeTerms,
  options: Pick<HandshakeOptions, 'pingInterval' | 'window' | 'windowBytes' | 'maxFrame'> & { readonly scheduler?: SchedulerLike },
): Welcome {
  const {
    pingInterval: ping,
    scheduler = steadyScheduler(),
    windowBytes: bytes = DEFAULTS.windowBytes,
    maxFrame = DEFAULTS.maxFrame,
  } = options;
  const window = granted ?? options.window ?? DEFAULTS.window;
  const expires = expiryOf(principal, scheduler);
  return {
    n,
    sid,
    rt,
    known,
    resumed,
    id,
    rx,
    window,
    bytes,
    ping,
    codec: codec.name,
    limits: receiveLimits(maxFrame, [codec]),
    ...(expires !== undefined && { expires }),
    ...(lazyAcks && { lazyAcks }),
    ...(rejections && { rejections }),
  };
}

/** Answers the hello of each connection. The caller has read the hello. */
export class HandshakeResponder {
  readonly #parts: HandshakeParts;
  readonly #options: HandshakeOptions;
  /** The agreement of the connection in use, until it is applied. */
  #pending: Agreement | undefined;
  #isHelloRead = false;
  /** The answer to the hello, if it was sent before the session began. */
  #greeting: Greeting | undefined;
  /** Whether the contents of the outbox are read. Before that, the server cannot validate acks. */
  #isOutboxRead = false;
  /** Called when the contents of the outbox are read. */
  #onOutboxRead: () => void = noop;

  /** Emits when the record of a new client is stored. */
  #recorded: ReplaySubject<void> | undefined;

  constructor(parts: HandshakeParts, options: HandshakeOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#greeting = parts.greeting;
    if (parts.greeting) this.#recorded = new ReplaySubject(1);
  }

  /**
   * Returns an Observable that emits when the record of a new client is stored; `undefined` when it
   * is. A cursor that is stored without the record would count for the messages of a later session.
   */
  recorded(): Observable<void> | undefined {
    return this.#recorded;
  }

  outboxRead(): void {
    this.#isOutboxRead = true;
    this.#onOutboxRead();
  }

  /** Sends the welcome. */
  greet(connection: Connection, endpoint: Endpoint): void {
    const { peer, attachment } = this.#parts;
    const hello = attachment().hello();
    const { rx: theirs = 0, fresh: isFresh, window, bytes, lazyAcks = false, rejections = false, limits = DEFAULT_LIMITS } = hello;
    const sent = this.#greeting;
    this.#greeting = undefined;
    const greeting = sent ?? peer.greet(hello);
    const { goesOn } = greeting;
    const ping = this.#options.pingInterval;
    const allowance = { window, bytes };
    this.#pending = { rx: goesOn ? theirs : 0, isKnown: goesOn, isFresh, allowance, ping, lazyAcks, rejections, limits };
    this.#isHelloRead = false;
    if (sent) {
      this.#welcomed(connection, endpoint);
      return;
    }
    const { id, receiver } = endpoint;
    const welcome = this.#welcome(hello, greeting, id, receiver.rx);
    this.#remember(() => this.#whenRead(() => this.#answer(connection, welcome, endpoint)));
  }

  /**
   * Accepts the first hello of a connection, which was read before the session got the connection.
   * @throws {ProtocolError} For a second hello.
   */
  readHello(): void {
    if (this.#isHelloRead) throw new ProtocolError('unexpected frame: a second hello');
    this.#isHelloRead = true;
  }

  /** Completes the handshake, when the client has shown that it has received the welcome. */
  agree(connection: Connection, endpoint: Endpoint): void {
    const agreement = this.#pending;
    if (!agreement) return;
    this.#pending = undefined;
    this.#parts.peer.confirm();
    if (!this.#isOutboxRead) this.#open(endpoint);
    this.#whenRead(() => this.#remember(() => this.#enter(connection, agreement, endpoint)));
  }

  /** Opens the store of a new client. */
  #open({ sender }: Endpoint): void {
    const { attachment, store, wait, fail } = this.#parts;
    const { epoch, n } = attachment().hello();
    wait(
      () => store.open({ epoch, n }),
      (contents) => sender.begin(contents, () => this.outboxRead()),
      (error) => fail(storeErrorOf('outbox', error)),
    );
  }

  #whenRead(then: () => void): void {
    if (this.#isOutboxRead) then();
    else this.#onOutboxRead = then;
  }

  /** Stores the record of the client, then calls `then`. */
  #remember(then: () => void): void {
    const { lease, peer, wait, fail } = this.#parts;
    wait(
      () => lease && this.#options.inbox?.remember(lease, peer.record),
      () => {
        const recorded$ = this.#recorded;
        this.#recorded = undefined;
        recorded$?.next();
        then();
      },
      (error) => fail(storeErrorOf('inbox', error)),
    );
  }

  /** Sends the welcome. From now on, both sides use the agreed codec. */
  #answer(connection: Connection, welcome: Welcome, endpoint: Endpoint): void {
    if (!endpoint.isCurrent(connection)) return;
    this.#welcomed(connection, endpoint);
    connection.send(controlFrame('welcome', welcome));
  }

  #welcomed(connection: Connection, endpoint: Endpoint): void {
    const { codec, agreed } = this.#parts;
    if (codec.choose(agreed)) endpoint.sender.outdate();
    connection.isWelcome = true;
  }

  #welcome(hello: Hello, greeting: Greeting, id: string, rx: number): Welcome {
    const { agreed, attachment, codec } = this.#parts;
    const own = codec.offered().find(({ name }) => name === agreed);
    return welcomeOf(hello, greeting, { id, rx, codec: own as Codec, principal: attachment().principal }, this.#options);
  }

  /** Stores the new session, if the session was not resumed, then lets the endpoint send. */
  #enter(connection: Connection, agreement: Agreement, endpoint: Endpoint): void {
    if (!endpoint.isCurrent(connection)) return;
    const { peer, store, wait, fail, onAgreed } = this.#parts;
    const { sid, tokens } = peer.record;
    const begin = (): void => {
      // Also when the connection was lost meanwhile: the session is stored, and the client has its
      // ticket.
      if (peer.record.sid === sid) peer.begin();
      endpoint.agree(connection, agreement);
      onAgreed();
    };
    // Stores the numbers of a new session before its id: a server that crashes in between must not
    // take the old numbers for the new ones.
    const keepName = (): MaybeAsync<void> => (agreement.isKnown ? undefined : store.remember({ sid, rt: tokens.join(' ') }));
    endpoint.sender.resume(agreement, () => wait(keepName, begin, (error) => fail(storeErrorOf('outbox', error))));
  }
}
