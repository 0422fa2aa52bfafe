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
  /** How often each side must be heard, in ms. */
  readonly pingInterval: number;
}

export interface HandshakeParts extends Pick<EndpointParts, 'fail' | 'wait'> {
  readonly pid: string;
  readonly peer: Peer;
  readonly codec: NegotiatedCodec;
  /** The name of the codec that both sides know. */
  readonly agreed: string;
  readonly store: OutboxStore;
  /** Returns the latest connection of the client, which is open or about to be. */
  readonly attachment: () => IncomingConnection;
  /** Called when both sides know of each other. */
  readonly onAgreed: () => void;
}

/** Answers the hello of each connection. The hello itself was read before. */
export class HandshakeResponder {
  readonly #parts: HandshakeParts;
  readonly #options: HandshakeOptions;
  /** The agreement of the connection in use, until it is applied. */
  #pending: Agreement | undefined;
  #isHelloRead = false;
  /** Whether the contents of the outbox are read. A server that has not read them could not tell which acks are right. */
  #isOutboxRead = false;
  /** Called when they are. */
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
    const { n, rx: theirs = 0, window, bytes, lazyAcks = false } = hello;
    const { goesOn, ...greeting } = peer.greet(hello);
    const { id, receiver } = endpoint;
    const welcome: Welcome = { ...greeting, n, rx: receiver.rx, id, ...this.#terms(), ...(lazyAcks && { lazyAcks }) };
    const ping = this.#options.pingInterval;
    this.#pending = { rx: goesOn ? theirs : 0, isKnown: goesOn, allowance: { window, bytes }, ping, lazyAcks };
    this.#isHelloRead = false;
    this.#remember(() => {
      const answer = (): void => this.#answer(connection, welcome, endpoint);
      if (this.#isOutboxRead) answer();
      else this.#onOutboxRead = answer;
    });
  }

  /** The first hello was read before the connection was this session's. @throws {ProtocolError} When this is another one. */
  readHello(): void {
    if (this.#isHelloRead) throw new ProtocolError('a hello out of place');
    this.#isHelloRead = true;
  }

  /** The client has received the welcome: what is sent from now on reaches it. */
  agree(connection: Connection, endpoint: Endpoint): void {
    const agreement = this.#pending;
    if (!agreement) return;
    this.#pending = undefined;
    this.#parts.peer.confirm();
    this.#remember(() => this.#enter(connection, agreement, endpoint));
  }

  /** Stores who the client is, then goes on. */
  #remember(then: () => void): void {
    const { pid, peer, wait, fail } = this.#parts;
    wait(() => this.#options.inbox?.remember(pid, peer.record), then, fail);
  }

  /** Both sides use the codec that they have agreed on, from here on. */
  #answer(connection: Connection, welcome: Welcome, endpoint: Endpoint): void {
    if (!endpoint.isCurrent(connection)) return;
    const { codec, agreed } = this.#parts;
    if (codec.choose(agreed)) endpoint.sender.outdate();
    connection.isWelcome = true;
    connection.send(controlFrame('welcome', welcome));
  }

  /** The terms of the server, the same for all clients. */
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

  /** Both sides go on; in a new session with numbers of its own. */
  #enter(connection: Connection, agreement: Agreement, endpoint: Endpoint): void {
    if (!endpoint.isCurrent(connection)) return;
    const { peer, store, wait, fail, onAgreed } = this.#parts;
    const { sid, tokens } = peer.record;
    const begin = (): void => {
      // Also when that connection has died meanwhile: the session is stored, and the client knows of it.
      if (peer.record.sid === sid) peer.begin();
      endpoint.agree(connection, agreement);
      onAgreed();
    };
    // First the numbers of a new session, then its name: a server that crashes in between must not take the old numbers for the new ones.
    const keepName = (): MaybeAsync<void> => (agreement.isKnown ? undefined : store.remember({ sid, rt: tokens.join(' ') }));
    endpoint.sender.resume(agreement, () => wait(keepName, begin, fail));
  }
}
