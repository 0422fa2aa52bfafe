import { nanoid } from 'nanoid';
import { noop, Observable, type Observer, type Subscriber, type Subscription, type Unsubscribable } from 'rxjs';
import { ClientCore } from '../../core/clientCore.js';
import { ClientIdentity } from '../../core/clientHandshake.js';
import type { RestoredState } from '../../core/storedTypes.js';
import type { Frame, Link } from '../../io/link.js';
import { ConnectionLostError, StoreError, UndeliveredError, type DrainTimeoutError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { chain } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import { MAX_DELAY } from '../../operators/timing/coalescedTimer.js';
import type { ClientStores } from './clientStores.js';
import { HostCodec } from './hostCodec.js';
import type { ConnectionEvent, HostConnection, HostOptions, HostUser } from './hostTypes.js';
import { platformSignals, type NetworkSignal } from './networkSignals.js';
import { reconnecting, watchSignals, type LastConnection, type Reconnecting, type ReconnectPolicy } from './reconnect.js';
import { SessionHost } from './sessionHost.js';
import { sessionDefaults, type SessionOptions } from './sessionOptions.js';
import { TokenRenewal } from './tokenRenewal.js';

export interface ClientUser extends HostUser {
  /** Calls back once, when the application has subscribed: until then messages wait, unacked. */
  whenSubscribed(callback: () => void): void;
}

/**
 * The client side of a session, over one connection after the other. It is the observer of the
 * messages to be sent. After `complete`, it ends when its messages are acked, or after
 * `drainTimeout`.
 */
export class ClientHost extends SessionHost<ClientCore> implements LastConnection, Observer<Message>, Unsubscribable {
  isAnnounced = false;
  isRefused = false;
  declare protected readonly options: SessionOptions & HostOptions;
  readonly #to: Observer<Message>;
  readonly #link: Link<Frame>;
  readonly #identity: ClientIdentity;
  readonly #stores: ClientStores | undefined;
  readonly #credentials: TokenRenewal | undefined;
  readonly #reconnecting: Reconnecting;
  readonly #frames$ = new Observable<Frame>((to) => this.#opened(to));
  /** One connection to the server after the other. */
  #connections: Subscription | undefined;
  /** Whether the server may have closed the connection because of a frame. */
  #mayRefuse = false;
  #isDraining = false;
  #isEnding = false;
  /** Why the session ends, if messages were left. */
  #late: DrainTimeoutError | undefined;

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
    const identity = new ClientIdentity(nanoid(22));
    const codecs = options.codecs.map((codec) => new HostCodec(codec, 'to-server', identity));
    const settings = { id: options.id ?? nanoid(), codecs, secret: nanoid, ...sessionDefaults(options) };
    super(new ClientCore(settings, identity, stores?.writes?.core), options, user, stores?.writes);
    const report: typeof this.report = (event) => this.report(event);
    this.#to = to;
    this.#link = link;
    this.#identity = identity;
    this.#stores = stores;
    this.#reconnecting = reconnecting(policy, report, this);
    if (options.token) this.#credentials = new TokenRenewal(options.token, { scheduler: options.scheduler, report }, this.life);
    if (options.outbox) this.core.outgoing.window.keepAtMost(options.outbox);
    user.whenSubscribed(() => this.openMessages());
  }

  // ---- The application

  /** Continues where the former owner of the outbox has stopped, and connects. */
  start(): void {
    this.watchStores();
    if (this.#isEnding) return;
    const { outbox, signals$ = platformSignals() } = this.options;
    const identity = this.#identity;
    this.wait<RestoredState | undefined>(
      () => this.#stores?.open(identity) ?? (outbox && chain(outbox.open(), (contents) => identity.own(contents))),
      (state) => {
        if (state) this.answer((core) => core.restore(state));
        this.life.add(watchSignals(signals$, this.#onSignal, (event) => this.report(event)));
        this.#connect();
      },
      (error) => this.#to.error(error),
    );
  }
  next(message: Message): void {
    this.send(message);
  }
  error(error: unknown): void {
    this.onStoreFailed(error);
  }
  complete(): void {
    this.#isDraining = true;
    const onTimeout = (error: DrainTimeoutError): void => void (this.#late = error);
    this.drain(onTimeout, () => this.#finish());
  }
  unsubscribe(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    // Before the connection is closed: the other side does not send messages again when it has
    // received their delayed ack.
    this.flushAcks();
    this.#connections?.unsubscribe();
    this.end();
    callSafely(
      () => this.options.outbox?.close(),
      (cause) => this.reportError(new StoreError('outbox', 'failed', cause)),
    );
  }
  /** The server has ended the session, or all messages are sent. */
  #finish(): void {
    const left = this.giveUpRest();
    const error = this.#late ?? (left ? new UndeliveredError(left) : this.#stores?.unopened());
    if (error) this.#to.error(error);
    else this.#to.complete();
  }
  override onStoreFailed(error: unknown): void {
    this.#to.error(this.#late ?? error);
  }
  protected override emit(message: Message): void {
    this.#to.next(message);
  }

  // ---- Connections

  #connect(): void {
    if (this.#isEnding) return;
    const connection$ = new Observable<void>((to) => this.#open(to));
    const state = this.#reconnecting;
    this.#connections = connection$.pipe(state.connections).subscribe({
      next: () => (state.attempts = 0),
      error: (error) => this.onStoreFailed(state.lastError(error)),
      complete: () => this.#finish(),
    });
    this.life.add(this.#connections);
  }
  /** Opens a connection, when the delay has passed that a stopping server has requested. */
  #open(to: Subscriber<void>): void {
    this.isAnnounced = this.isRefused = this.#mayRefuse = false;
    const failed = (error: unknown): void => to.error(error);
    const open = (): void => {
      if (!this.#credentials) this.#dial(to);
      else to.add(this.#credentials.request((token) => callSafely(() => this.#dial(to, token), failed), failed));
    };
    const pause = this.pause();
    if (pause > 0) to.add(this.options.scheduler.schedule(() => callSafely(open, failed), Math.min(pause, MAX_DELAY)));
    else open();
  }
  /** Opens the link. The subscriber gets a value at the first progress, and the end. */
  #dial(to: Subscriber<void>, token?: string): void {
    // The function that returned the token may have ended the session.
    if (this.#isEnding) return;
    this.#identity.token = token;
    let hasSucceeded = false;
    const received: Observer<Frame> = {
      next: (frame) => {
        this.receive(frame);
        if (hasSucceeded || !this.core.outgoing.hasProgress) return;
        hasSucceeded = true;
        to.next();
      },
      error: (error: unknown) => this.#lost(error, to),
      complete: () => to.complete(),
    };
    to.add(this.#link(this.#frames$).subscribe(received));
  }
  /** The link has opened a connection, and takes its frames. */
  #opened(to: Subscriber<Frame>): void {
    const connection: HostConnection = {
      send: (frame) => to.next(frame),
      close(code, reason = '') {
        if (code === undefined) to.complete();
        else to.error(new ConnectionLostError(code, reason));
      },
    };
    to.add(() => this.detach(connection));
    this.core.opened(this.now);
    this.attach(connection);
  }
  #lost(error: unknown, to: Subscriber<void>): void {
    // All messages have their outcomes, and only the end of the connection was missing.
    if (this.#isDraining && !this.isAwaitingAcks) {
      to.complete();
      return;
    }
    if (this.#stores && this.#mayRefuse) this.answer(() => (this.isRefused = this.#stores?.isRefusal(error) === true));
    if (this.isAnnounced) to.next();
    to.error(error);
  }
  /** Returns the delay that a stopping server requests, in ms from now. */
  pause(): number {
    return this.core.returnAt - this.now;
  }

  protected override onConnectionEvent(event: ConnectionEvent): void {
    if (event.kind === 'bye') this.isAnnounced = true;
    else if (event.kind === 'close') this.#mayRefuse = false;
    else if (event.kind === 'agreed') {
      this.#mayRefuse = true;
      // The answer is progress. The next delay of a wire that only listens must not be longer.
      if (this.#reconnecting.attempts > 1) this.core.keepalive.ask();
      this.#credentials?.expire(noop, undefined);
    } else if (event.kind === 'expires')
      this.#credentials?.expire((token) => {
        this.core.authenticate(token);
        this.schedule();
      }, event.after);
  }
  /** The page or the network has changed: asks whether the other side is there. */
  readonly #onSignal = (signal: NetworkSignal): void => {
    if (signal !== 'offline') this.#reconnecting.wake();
    if (this.core.phase !== 'agreed') return;
    this.core.keepalive.ask();
    this.schedule();
  };
}
