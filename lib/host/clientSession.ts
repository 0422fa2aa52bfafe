import { nanoid } from 'nanoid';
import { first, identity as same, noop, Observable, of, Subscription, type Subscriber } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import { ClientCore } from '../core/clientCore.js';
import { ClientIdentity } from '../core/clientHandshake.js';
import { ConnectionLostError, UndeliveredError, type DrainTimeoutError } from '../errors.js';
import type { Frame, Link } from '../link/link.js';
import { chain } from '../internal/maybeAsync.js';
import type { Message } from '../message/types.js';
import { inMemory } from '../session/store/memoryOutbox.js';
import type { ByteCounts } from '../session/byteCounts.js';
import { createCredentials, type Credentials } from '../session/credentials.js';
import { waitIn } from '../session/waitIn.js';
import { networkSignals } from '../session/networkSignals.js';
import type { ConnectionEnds } from '../session/reconnect.js';
import type { SessionOptions } from '../session/sessionOptions.js';
import { drainHost, giveUpRest } from './hostDrain.js';
import type { ConnectionEvent, HostConnection, HostOwner } from './hostOwner.js';
import type { RestoredState } from '../core/storedTypes.js';
import { BAD_FRAMES, MESSAGE_TOO_BIG } from '../link/closeCode.js';
import type { ClientStores } from './clientStores.js';
import { HostCodec } from './hostCodec.js';
import { sessionDefaults } from './sessionDefaults.js';
import { SessionHost } from './sessionHost.js';

/** The client side of a session, over one connection after the other. */
export class ClientSession implements HostOwner, ConnectionEnds {
  readonly #to: Subscriber<Message>;
  readonly #options: SessionOptions;
  readonly #identity = new ClientIdentity(nanoid(22));
  readonly #host: SessionHost<ClientCore>;
  readonly #stores: ClientStores | undefined;
  readonly #life = new Subscription();
  readonly #wait = waitIn(this.#life);
  readonly #credentials: Credentials;
  /** Whether the server has announced the end of the last connection. */
  #isAnnounced = false;
  /** Whether the last connection has ended because of a message. */
  #isBlamed = false;
  /** Whether the server may have closed it because of a frame. */
  #mayBlame = false;
  /** Why the session ends, if messages were left. */
  #late: DrainTimeoutError | undefined;

  constructor(
    to: Subscriber<Message>,
    codecs: readonly Codec[],
    options: SessionOptions,
    traffic: ByteCounts | undefined,
    stores: ClientStores | undefined,
  ) {
    this.#to = to;
    this.#options = options;
    this.#stores = stores;
    this.#credentials = createCredentials(options, { wait: this.#wait, life: this.#life });
    const identity = this.#identity;
    const core = new ClientCore(
      {
        ...sessionDefaults(options),
        id: options.id ?? nanoid(),
        codecs: codecs.map((codec) => new HostCodec(codec, 'to-server', identity)),
        secret: nanoid,
      },
      identity,
      stores?.writes?.core,
    );
    const { maxMessages, maxBytes } = options.outbox ?? core.outgoing.window;
    Object.assign(core.outgoing.window, { maxMessages, maxBytes });
    this.#host = new SessionHost(this, core, { ...options, codecs }, { ...options, traffic, stores: stores?.writes });
  }

  /**
   * Ends when `outgoing` has completed and its messages are acked, or after `drainTimeout`; when
   * the connections end; or when the session finally fails. Completes only when no message is left.
   *
   * @param connections$ The connections, one after the other.
   */
  run(outgoing: Observable<Message>, connections$: Observable<unknown>): void {
    const [to, host] = [this.#to, this.#host];
    const { listening$ = of(true) } = this.#options;
    const fail = (error: unknown): void => this.onStoreFailed(error);
    const end = { error: fail, complete: () => this.#complete() };
    const connect = (): void => to.add(connections$.subscribe(end));
    const drain = (): void => {
      to.add(drainHost(host, this.#options, (error) => (this.#late = error)).subscribe(end));
    };
    this.#life.add(listening$.pipe(first(same, false)).subscribe((is) => is && host.messages.open()));
    // Runs before the connection is closed: the other side does not send messages again when it has
    // received their delayed ack.
    to.add(() => host.flushAcks());
    this.#continue(connect);
    to.add(outgoing.subscribe({ next: (message) => host.send(message), error: fail, complete: drain }));
    to.add(() => {
      host.end();
      this.#life.unsubscribe();
      this.#options.outbox?.close();
    });
  }
  /** Continues where the former owner of the outbox has stopped. */
  #continue(connect: () => void): void {
    const { outbox = inMemory } = this.#options;
    const stores = this.#stores;
    const identity = this.#identity;
    if (!stores && outbox === inMemory) {
      connect();
      return;
    }
    this.#wait<RestoredState | undefined>(
      () =>
        stores
          ? stores.open(identity)
          : chain(outbox.open(), (contents) => {
              identity.own(contents);
              return undefined;
            }),
      (state) => {
        if (state) this.#host.answer((core) => core.restore(state));
        connect();
      },
      (error) => this.#to.error(error),
    );
  }
  onStoreFailed(error: unknown): void {
    this.#to.error(this.#late ?? error);
  }
  #complete(): void {
    const left = giveUpRest(this.#host);
    const error = this.#late ?? (left && new UndeliveredError(left));
    if (error) this.#to.error(error);
    else this.#to.complete();
  }

  // ---- The host

  emit(message: Message): void {
    this.#to.next(message);
  }
  onConnectionEvent(event: ConnectionEvent): void {
    if (event.kind === 'bye') this.#isAnnounced = true;
    else if (event.kind === 'close') this.#mayBlame = false;
    else if (event.kind === 'agreed') {
      this.#mayBlame = true;
      this.#credentials.expire(noop, undefined);
    } else if (event.kind === 'expires') this.#credentials.expire((token) => this.#authenticate(token), event.after);
  }
  #authenticate(token: string): void {
    this.#host.core.authenticate(token);
    this.#host.schedule();
  }

  // ---- Connections

  /**
   * Returns the delay that a stopping server requests before the client returns, in ms from now.
   */
  readonly pause = (): number => this.#host.core.returnAt - this.#host.now;
  readonly isBlamed = (): boolean => this.#isBlamed;
  readonly isAnnounced = (): boolean => this.#isAnnounced;

  /** Opens a connection over a link. Emits once, when the connection has made progress. */
  over(link: Link<Frame>): Observable<void> {
    const frames$ = new Observable<Frame>((to) => this.#open(to));
    // eslint-disable-next-line no-restricted-syntax -- an operator for each frame would be a fifth of the cost of a message
    const opened$ = new Observable<void>((to) => {
      const host = this.#host;
      let hasEmitted = false;
      this.#isAnnounced = this.#isBlamed = this.#mayBlame = false;
      return link(frames$).subscribe({
        next: (frame) => {
          host.receive(frame);
          if (hasEmitted || !host.core.outgoing.hasProgress) return;
          hasEmitted = true;
          to.next();
        },
        error: (error: unknown) => {
          this.#blame(error);
          to.error(error);
        },
        complete: () => to.complete(),
      });
    });
    return this.#credentials.before(opened$);
  }

  /**
   * The server may have closed the connection because of a frame: then the client finds out which
   * message it refuses.
   */
  #blame(error: unknown): void {
    const code = this.#mayBlame && error instanceof ConnectionLostError && error.closeCode;
    if (code !== MESSAGE_TOO_BIG && code !== BAD_FRAMES) return;
    const { closeCode, reason } = error as ConnectionLostError;
    const text = `it has closed the connection with ${closeCode} each time that it received the message${reason && `: ${reason}`}`;
    this.#host.answer(() => (this.#isBlamed = this.#stores?.writes?.core.outbox?.blame(String(closeCode), text) === true));
  }

  /** The link has opened a connection, and takes its frames. */
  #open(to: Subscriber<Frame>): void {
    const host = this.#host;
    const { core } = host;
    const { signals$ = networkSignals } = this.#options;
    const connection: HostConnection = {
      send: (frame) => to.next(frame),
      close(code, reason = '') {
        if (code === undefined) to.complete();
        else to.error(new ConnectionLostError(code, reason));
      },
    };
    const wake = (): void => {
      if (core.phase !== 'agreed') return;
      core.keepalive.ask();
      host.schedule();
    };
    to.add(signals$.subscribe(wake));
    to.add(() => host.detach(connection));
    this.#identity.token = this.#credentials.shown;
    core.opened(host.now);
    host.attach(connection);
  }
}
