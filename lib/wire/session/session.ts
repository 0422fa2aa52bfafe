import { Observable, type Observer, noop, Subscription, type Subscriber, type Unsubscribable } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { readOptions } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { Codec } from '../../codec/codec.js';
import type { Frame, Layer, Link } from '../../io/link.js';
import type { Message } from '../../message/types.js';
import type { Durable, ClientStores } from './clientStores.js';
import { checkCodecs, checkDeadLetters, ENDPOINT_OPTIONS, type SessionOptions, sessionDefaults } from './sessionOptions.js';
import { reconnectPolicy, Reconnection, type ReconnectionOwner, type ReconnectPolicy } from './reconnect.js';
import type { Inbox } from '../../stores/inbox.js';
import { inMemory } from '../../stores/memoryOutbox.js';
import type { OutboxStore } from '../../stores/outboxStore.js';
import { nanoid } from 'nanoid';
import { ClientCore } from '../../core/clientCore.js';
import { ClientIdentity } from '../../core/clientHandshake.js';
import { ConnectionLostError, StoreError, UndeliveredError, type DrainTimeoutError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { chain } from '../../message/maybeAsync.js';
import { TokenRenewal } from './tokenRenewal.js';
import { scopedWait } from './scopedWait.js';
import { drainHost, giveUpRest } from './sessionDrain.js';
import type { ConnectionEvent, HostConnection, HostOptions, HostOwner, HostUser } from './hostTypes.js';
import type { RestoredState } from '../../core/storedTypes.js';
import { BAD_FRAMES, MESSAGE_TOO_BIG } from '../../message/closeCode.js';
import { HostCodec } from './hostCodec.js';
import { SessionHost } from './sessionHost.js';

export type { SessionOptions } from './sessionOptions.js';

/**
 * Turns an unreliable link for frames into a reliable link for messages: each message arrives once
 * and in order, as long as both sides keep their state. This is the client side; `listen` is the
 * server side. docs/protocol.md describes the protocol.
 *
 * @param codec One codec, or several, the best first: the server uses the first that it supports.
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {TypeError} At call time, if some codecs are sealed and others are not, or a persistent
 *   store has no `durability`.
 * @example
 * import { json, session, webSocket } from 'rxwire';
 *
 * const messages = session(json(), { window: 256 })(webSocket('ws://127.0.0.1:4870/wire'));
 */
export function session(codec: Codec | readonly Codec[], options: SessionOptions = {}): Layer<Message, Frame> {
  checkOptions('session', options);
  const always = (): boolean => true;
  const whenSubscribed = (callback: () => void): void => callback();
  const begin = clientSessions(codec, options, { awaitsAcks: always, awaitsSteps: always, whenSubscribed, ...options });
  return (link) => (outgoing) =>
    // eslint-disable-next-line no-restricted-syntax -- the session passes on the errors of `outgoing`, and ends with its subscriber
    new Observable((to) => {
      const client = begin(link, to);
      to.add(client);
      client.start();
      if (!to.closed) to.add(outgoing.subscribe(client));
    });
}

/** Returns a function that creates a session over a link. The session is to be started. */
export function clientSessions(
  codec: Codec | readonly Codec[],
  options: SessionOptions,
  user: ClientUser,
): (link: Link<Frame>, to: Observer<Message>) => ClientSession {
  const { reconnect = {}, scheduler = steadyScheduler(), outbox = inMemory, signals$ } = options;
  const read = readOptions('session', options, ENDPOINT_OPTIONS);
  checkDeadLetters('session', options);
  const durability = durabilityOf(outbox, options.inbox);
  const codecs = [codec].flat();
  checkCodecs('session', codecs);
  const policy = reconnectPolicy(reconnect, (event) => user.report?.(event), scheduler, signals$);
  const hostOptions = { ...options, ...read, scheduler, codecs };

  return (link, to) => new ClientSession(to, hostOptions, user, link, policy, durability?.clientStores(outbox, options));
}

/** Returns the `durability` of the stores. @throws {TypeError} When they need one and have none. */
function durabilityOf(outbox: OutboxStore, inbox: Inbox | undefined): Durable | undefined {
  const found = outbox.durability ?? inbox?.durability;
  if (!found && (outbox.isDurable || (inbox ?? outbox.faults$)))
    throw new TypeError('session: a persistent store must have a "durability"');
  // `durable` is the only implementation.
  return found as Durable | undefined;
}

export interface ClientUser extends HostUser {
  /** Calls back once, when the application has subscribed: until then messages wait, unacked. */
  whenSubscribed(callback: () => void): void;
}

/**
 * The client side of a session, over one connection after the other. It is the observer of the
 * messages to be sent. After `complete`, it ends when its messages are acked, or after
 * `drainTimeout`.
 */
export class ClientSession implements HostOwner, ReconnectionOwner, Observer<Message>, Unsubscribable {
  readonly #to: Observer<Message>;
  readonly #options: SessionOptions & HostOptions;
  readonly #link: Link<Frame>;
  readonly #identity = new ClientIdentity(nanoid(22));
  readonly #host: SessionHost<ClientCore>;
  readonly #stores: ClientStores | undefined;
  readonly #life = new Subscription();
  readonly #credentials: TokenRenewal | undefined;
  readonly #reconnection: Reconnection;
  readonly #received: Observer<Frame> = {
    next: (frame) => this.#receive(frame),
    error: (error: unknown) => this.#lost(error),
    complete: () => this.#finish(),
  };
  readonly #frames$ = new Observable<Frame>((to) => this.#opened(to));
  /** Whether the server has announced the end of the last connection. */
  isAnnounced = false;
  /** Whether the last connection has ended because of a message. */
  isRefused = false;
  /** Whether the server may have closed it because of a frame. */
  #mayRefuse = false;
  #hasSucceeded = false;
  /** Why the session ends, if messages were left. */
  #late: DrainTimeoutError | undefined;
  #draining: Unsubscribable | undefined;
  #isOver = false;

  /**
   * @param to Takes the messages of the server, and the end, at which it unsubscribes the session.
   */
  constructor(
    to: Observer<Message>,
    options: SessionOptions & HostOptions,
    user: ClientUser,
    link: Link<Frame>,
    policy: ReconnectPolicy,
    stores: ClientStores | undefined,
  ) {
    this.#to = to;
    this.#options = options;
    this.#link = link;
    this.#stores = stores;
    this.#reconnection = new Reconnection(policy, this);
    if (options.token) this.#credentials = new TokenRenewal(options.token, policy, this.#life);
    const identity = this.#identity;
    const core = new ClientCore(
      {
        ...sessionDefaults(options),
        id: options.id ?? nanoid(),
        codecs: options.codecs.map((codec) => new HostCodec(codec, 'to-server', identity)),
        secret: nanoid,
      },
      identity,
      stores?.writes?.core,
    );
    if (options.outbox) core.outgoing.window.keepAtMost(options.outbox);
    this.#host = new SessionHost(this, core, options, user, stores?.writes);
    user.whenSubscribed(() => this.#isOver || this.#host.messages.open());
  }

  // ---- The application

  /** Continues where the former owner of the outbox has stopped, and connects. */
  start(): void {
    const { outbox } = this.#options;
    const identity = this.#identity;
    scopedWait(this.#life)<RestoredState | undefined>(
      () => this.#stores?.open(identity) ?? (outbox && chain(outbox.open(), (contents) => identity.own(contents))),
      (state) => {
        if (state) this.#host.answer((core) => core.restore(state));
        this.#reconnection.start();
      },
      (error) => this.#to.error(error),
    );
  }
  next(message: Message): void {
    this.#host.send(message);
  }
  error(error: unknown): void {
    this.onStoreFailed(error);
  }
  complete(): void {
    const onTimeout = (error: DrainTimeoutError): void => void (this.#late = error);
    this.#draining = drainHost(this.#host, this.#options, onTimeout, () => this.#finish());
  }
  unsubscribe(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // Before the connection is closed: the other side does not send messages again when it has
    // received their delayed ack.
    this.#host.flushAcks();
    this.#reconnection.unsubscribe();
    this.#draining?.unsubscribe();
    this.#host.end();
    this.#life.unsubscribe();
    callSafely(
      () => this.#options.outbox?.close(),
      (cause) => this.#host.reportError(new StoreError('outbox', 'failed', cause)),
    );
  }
  onStoreFailed(error: unknown): void {
    this.#to.error(this.#late ?? error);
  }

  // ---- The host

  emit(message: Message): void {
    this.#to.next(message);
  }
  onConnectionEvent(event: ConnectionEvent): void {
    if (event.kind === 'bye') this.isAnnounced = true;
    else if (event.kind === 'close') this.#mayRefuse = false;
    else if (event.kind === 'agreed') {
      this.#mayRefuse = true;
      // The answer is progress. The next delay of a wire that only listens must not be longer.
      if (this.#reconnection.attempts > 1) this.#host.core.keepalive.ask();
      this.#credentials?.expire(noop, undefined);
    } else if (event.kind === 'expires')
      this.#credentials?.expire((token) => {
        this.#host.core.authenticate(token);
        this.#host.schedule();
      }, event.after);
  }

  // ---- Connections

  /** The page or the network has changed: asks whether the other side is there. */
  onSignal(): void {
    const { core } = this.#host;
    if (core.phase !== 'agreed') return;
    core.keepalive.ask();
    this.#host.schedule();
  }
  /** Returns the delay that a stopping server requests, in ms from now. */
  pause(): number {
    return this.#host.core.returnAt - this.#host.now;
  }
  onGivenUp(error: unknown): void {
    this.onStoreFailed(error);
  }

  /** Requests a token, if the client has one, then opens a connection. */
  open(): Subscription {
    const credentials = this.#credentials;
    if (!credentials) return this.#connect();
    const connection = new Subscription();
    const failed = (error: unknown): void => this.#reconnection.failed(error);
    const connect = (token: string): void => {
      // The function that returned the token may have ended the session.
      if (this.#isOver) return;
      this.#identity.token = token;
      connection.add(callSafely(() => this.#connect(), failed));
    };
    connection.add(credentials.request(connect, failed));
    return connection;
  }
  #connect(): Subscription {
    this.isAnnounced = this.isRefused = this.#mayRefuse = this.#hasSucceeded = false;
    return this.#link(this.#frames$).subscribe(this.#received);
  }
  #receive(frame: Frame): void {
    this.#host.receive(frame);
    if (this.#hasSucceeded || !this.#host.core.outgoing.hasProgress) return;
    this.#hasSucceeded = true;
    this.#reconnection.succeeded();
  }
  #lost(error: unknown): void {
    // All messages have their outcomes, and only the end of the connection was missing.
    if (this.#draining && !this.#host.onEmpty) {
      this.#finish();
      return;
    }
    this.#detectRefusal(error);
    this.#reconnection.failed(error);
  }
  /** The server has ended the session, or all messages are sent. */
  #finish(): void {
    const left = giveUpRest(this.#host);
    const error = this.#late ?? (left ? new UndeliveredError(left) : this.#stores?.unopened());
    if (error) this.#to.error(error);
    else this.#to.complete();
  }

  /** Finds out which message the server refuses, if it closed the connection because of a frame. */
  #detectRefusal(error: unknown): void {
    const code = this.#mayRefuse && error instanceof ConnectionLostError && error.closeCode;
    if (code !== MESSAGE_TOO_BIG && code !== BAD_FRAMES) return;
    const { closeCode, reason } = error as ConnectionLostError;
    const text = `it has closed the connection with ${closeCode} each time that it received the message${reason && `: ${reason}`}`;
    this.#host.answer(() => (this.isRefused = this.#stores?.writes?.core.outbox?.refused(String(closeCode), text) === true));
  }

  /** The link has opened a connection, and takes its frames. */
  #opened(to: Subscriber<Frame>): void {
    const host = this.#host;
    const { core } = host;
    const connection: HostConnection = {
      send: (frame) => to.next(frame),
      close(code, reason = '') {
        if (code === undefined) to.complete();
        else to.error(new ConnectionLostError(code, reason));
      },
    };
    to.add(() => host.detach(connection));
    core.opened(host.now);
    host.attach(connection);
  }
}
