import { asyncScheduler, noop } from 'rxjs';
import { ProtocolError } from '../../errors.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import type { NegotiatedCodec } from '../../session/codecNegotiation.js';
import type { Connection } from '../../session/connection.js';
import type { Endpoint } from '../../session/endpoint.js';
import type { Agreement, EndpointParts } from '../../session/endpointParts.js';
import { DEFAULTS, type EndpointOptions } from '../../session/endpointOptions.js';
import { controlFrame } from '../../session/protocol/frames.js';
import type { Welcome } from '../../session/protocol/handshake.js';
import type { OutboxStore } from '../../session/store/outboxStore.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { expiryOf } from '../accept/authentication.js';
import type { Peer } from './resumption.js';

export interface HandshakeOptions extends EndpointOptions {
  /** The interval in which each side must send at least one frame, in ms. */
  readonly pingInterval: number;
}

export interface HandshakeParts extends Pick<EndpointParts, 'fail' | 'wait'> {
  readonly pid: string;
  readonly peer: Peer;
  readonly codec: NegotiatedCodec;
  /** The name of the codec that both sides support. */
  readonly agreed: string;
  readonly store: OutboxStore;
  /** Returns the latest connection of the client, which is open or about to be. */
  readonly attachment: () => IncomingConnection;
  /** Called when the handshake is complete. */
  readonly onAgreed: () => void;
}

/** Answers the hello of each connection. The caller has read the hello. */
export class HandshakeResponder {
  readonly #parts: HandshakeParts;
  readonly #options: HandshakeOptions;
  /** The agreement of the connection in use, until it is applied. */
  #pending: Agreement | undefined;
  #isHelloRead = false;
  /** Whether the contents of the outbox are read. Before that, the server cannot validate acks. */
  #isOutboxRead = false;
  /** Called when the contents of the outbox are read. */
  #onOutboxRead: () => void = noop;

  constructor(parts: HandshakeParts, options: HandshakeOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  outboxRead(): void {
    this.#isOutboxRead = true;
    this.#onOutboxRead();
  }

  /** Sends the welcome. */
  greet(connection: Connection, endpoint: Endpoint): void {
    const { peer, attachment } = this.#parts;
    const hello = attachment().hello();
    const { n, rx: theirs = 0, window, bytes, lazyAcks = false, rejections = false } = hello;
    const { goesOn, ...greeting } = peer.greet(hello);
    const { id, receiver } = endpoint;
    const welcome: Welcome = {
      ...greeting,
      n,
      rx: receiver.rx,
      id,
      ...this.#terms(),
      ...(lazyAcks && { lazyAcks }),
      ...(rejections && { rejections }),
    };
    const ping = this.#options.pingInterval;
    this.#pending = { rx: goesOn ? theirs : 0, isKnown: goesOn, allowance: { window, bytes }, ping, lazyAcks, rejections };
    this.#isHelloRead = false;
    this.#remember(() => {
      const answer = (): void => this.#answer(connection, welcome, endpoint);
      if (this.#isOutboxRead) answer();
      else this.#onOutboxRead = answer;
    });
  }

  /** Accepts the first hello of a connection, which was read before the session got the connection. @throws {ProtocolError} For a second hello. */
  readHello(): void {
    if (this.#isHelloRead) throw new ProtocolError('unexpected hello frame');
    this.#isHelloRead = true;
  }

  /** Completes the handshake, when the client has shown that it has received the welcome. */
  agree(connection: Connection, endpoint: Endpoint): void {
    const agreement = this.#pending;
    if (!agreement) return;
    this.#pending = undefined;
    this.#parts.peer.confirm();
    this.#remember(() => this.#enter(connection, agreement, endpoint));
  }

  /** Stores the record of the client, then calls `then`. */
  #remember(then: () => void): void {
    const { pid, peer, wait, fail } = this.#parts;
    wait(() => this.#options.inbox?.remember(pid, peer.record), then, fail);
  }

  /** Sends the welcome. From now on, both sides use the agreed codec. */
  #answer(connection: Connection, welcome: Welcome, endpoint: Endpoint): void {
    if (!endpoint.isCurrent(connection)) return;
    const { codec, agreed } = this.#parts;
    if (codec.choose(agreed)) endpoint.sender.outdate();
    connection.isWelcome = true;
    connection.send(controlFrame('welcome', welcome));
  }

  /** Returns the server's parameters for the welcome. */
  #terms() {
    const {
      pingInterval: ping,
      scheduler = asyncScheduler,
      window = DEFAULTS.window,
      windowBytes: bytes = DEFAULTS.windowBytes,
    } = this.#options;
    const { agreed, attachment } = this.#parts;
    const expires = expiryOf(attachment().principal, scheduler);
    return { window, bytes, ping, codec: agreed, ...(expires !== undefined && { expires }) };
  }

  /** Stores the new session, if the session was not resumed, then lets the endpoint send. */
  #enter(connection: Connection, agreement: Agreement, endpoint: Endpoint): void {
    if (!endpoint.isCurrent(connection)) return;
    const { peer, store, wait, fail, onAgreed } = this.#parts;
    const { sid, tokens } = peer.record;
    const begin = (): void => {
      // Also when the connection was lost meanwhile: the session is stored, and the client has its ticket.
      if (peer.record.sid === sid) peer.begin();
      endpoint.agree(connection, agreement);
      onAgreed();
    };
    // Stores the numbers of a new session before its id: a server that crashes in between must not take the old numbers for the new ones.
    const keepName = (): MaybeAsync<void> => (agreement.isKnown ? undefined : store.remember({ sid, rt: tokens.join(' ') }));
    endpoint.sender.resume(agreement, () => wait(keepName, begin, fail));
  }
}
