import type { IncomingMessage } from 'node:http';
import type { Observer, Unsubscribable } from 'rxjs';
import { CallbackError, ConnectionLostError, ProtocolError, UnauthorizedError } from '../../message/errors.js';
import { CloseCode } from '../../message/closeCode.js';
import { type Frame, connectionOver, type LinkConnection } from '../../io/link.js';
import type { ReceivedHello } from '../../core/serverHandshake.js';
import type { HostConnection } from '../../wire/session/hostTypes.js';
import { keepRequest } from '../nodePlatform.js';
import type { Credentials, Principal } from '../principal.js';
import type { ServedLink, ServedSocket } from '../serverOptions.js';
import { goodbyeOf, type Goodbye } from './authentication.js';
import type { HandshakeTimeouts } from './handshakeTimeouts.js';

/** The part of a server that owns its connections. */
export interface IncomingConnectionOwner {
  /** The time that the first frame may take, and the answer to the welcome. */
  readonly timeouts: HandshakeTimeouts;
  /** Called with the reason why a connection ended before it was opened. */
  onRefused(error: unknown): void;
  onFirstFrame(connection: IncomingConnection): void;
  onEnded(connection: IncomingConnection): void;
  authenticate(
    connection: IncomingConnection,
    fresh: Partial<Credentials>,
    done: (principal: Principal | undefined) => void,
    failed: (error: unknown) => void,
  ): Unsubscribable | undefined;
}

/** The part of a server that waits for the client of a connection. */
export interface ConnectionWaiter {
  /** Called when the client has answered the welcome by a frame, which waits for the user. */
  answered?(): void;
  left(): void;
}

/** How a connection has ended: normally, if there is no error. */
export interface ConnectionEnd {
  readonly error?: unknown;
  /** Whether this side has closed the connection. */
  readonly isOurs?: boolean;
}

/** The user of an open connection. */
export interface ConnectionUser {
  receive(frame: Frame): void;
  disconnected(connection: IncomingConnection, end: ConnectionEnd): void;
}

/**
 * The maximum size of the frames that a client may send before its connection is opened, in bytes.
 */
const MAX_EARLY = 256 * 1024;

/**
 * The memory that a waiting frame takes besides its content, in bytes: an empty frame must not be
 * free.
 */
const FRAME_OVERHEAD = 128;

type Phase = 'new' | 'hello' | 'welcomed' | 'open' | 'over';

/**
 * One connection of a client, from its start to its end:
 *
 * - `new`: the client has sent nothing;
 * - `hello`: its first frame is being handled. Later frames wait, except those of a session, which
 *   must not send any;
 * - `welcomed`: the welcome was sent, and the frames that answer it wait;
 * - `open`: frames go to the user;
 * - `over`.
 */
export class IncomingConnection implements Observer<Frame>, HostConnection {
  /** The first frame, and the hello that it is, until they are not needed any more. */
  first: Frame = '';
  hello: ReceivedHello | undefined;
  /** The address of the client, as limits count it. */
  readonly address: string;
  readonly protocol: string;
  /**
   * To be called when the client is authenticated, with a function that authenticates another
   * request of the same connection.
   */
  readonly onIdentified: ServedLink['onIdentified'];
  /** Called with the address when the connection is closed as a flood. */
  readonly onFlood: ServedLink['onFlood'];
  /** The principal of the client, when the client is authenticated. */
  principal: Principal | undefined;
  readonly #owner: IncomingConnectionOwner;
  readonly #link: LinkConnection;
  #phase: Phase = 'new';
  /** The request, or a function that returns it again. */
  #request: IncomingMessage | (() => IncomingMessage) | undefined;
  #user: ConnectionUser | undefined;
  #waiter: ConnectionWaiter | undefined;
  /** The frames after the first that wait for the user. */
  #early: Frame[] | undefined;
  #earlyBytes = 0;
  /** Set if the connection has ended while its frames wait. */
  #heldEnd: ConnectionEnd | undefined;

  constructor(link: ServedLink | ServedSocket, owner: IncomingConnectionOwner) {
    const { request, address = '', protocol = 'custom', onIdentified, onFlood } = link;
    this.address = address;
    this.protocol = protocol;
    this.onIdentified = onIdentified;
    this.onFlood = onFlood;
    this.#owner = owner;
    this.#link = 'connection' in link ? link.connection : connectionOver(link);
    this.#request = request;
  }

  begin(): void {
    this.#owner.timeouts.begin(this);
    try {
      this.#link.begin(this);
    } catch (cause) {
      this.error(new CallbackError('link', cause));
    }
  }

  /** The request that opened the connection, if known. */
  get request(): IncomingMessage | undefined {
    return typeof this.#request === 'function' ? this.#request() : this.#request;
  }

  /** Whether the client waits for the server to open the connection. */
  get isPending(): boolean {
    return this.#phase === 'hello' || this.#phase === 'welcomed';
  }

  /**
   * Authenticates an authenticated client again, by a fresh token. It fails when the token is not
   * accepted, or is that of another principal.
   */
  renew(token: string, done: () => void, failed: (error: unknown) => void): Unsubscribable | undefined {
    const { principal } = this;
    if (!principal) {
      done();
      return undefined;
    }
    const renewed = (fresh: Principal | undefined): void => {
      if (fresh?.id !== principal.id) {
        failed(new UnauthorizedError(CloseCode.FORBIDDEN, 'the token belongs to another principal'));
        return;
      }
      this.principal = fresh;
      done();
    };
    return this.#owner.authenticate(this, { token }, renewed, failed);
  }

  /**
   * Sends a welcome, and waits until the client has answered it. Closes the connection when that
   * takes longer than the `handshakeTimeout`.
   */
  welcome(frame: Frame, waiter: ConnectionWaiter): void {
    this.send(frame);
    if (this.#phase !== 'over') {
      this.#phase = 'welcomed';
      this.#owner.timeouts.begin(this);
    }
    this.waitFor(waiter);
  }

  /** Tells `waiter`, in place of an earlier one, what the client does. */
  waitFor(waiter: ConnectionWaiter | undefined): void {
    this.#waiter = waiter;
    if (this.#phase === 'over') waiter?.left();
  }

  /**
   * Gives the connection to its user, which has the first frame: all frames after it go to the
   * user, those that answer a welcome only from {@link proceed} on. To be called once.
   */
  open(user: ConnectionUser): void {
    this.#user = user;
    if (this.#phase !== 'welcomed') this.proceed();
  }

  /** Passes the frames that wait to the user, and all later ones. */
  proceed(): void {
    // Frames that arrive meanwhile wait behind the earlier ones.
    const early = this.#early ?? [];
    for (let frame = early.shift(); frame !== undefined && this.#user; frame = early.shift()) this.#user.receive(frame);
    this.#owner.timeouts.end(this);
    this.#early = undefined;
    if (this.#phase === 'over') {
      if (this.#heldEnd) this.#user?.disconnected(this, this.#heldEnd);
      return;
    }
    this.#phase = 'open';
    if (typeof this.#request === 'object') this.#request = keepRequest(this.#request);
    // A link over requests needs the token of the hello, to authenticate further requests.
    if (this.onIdentified && this.hello) return;
    this.first = '';
    this.hello = undefined;
  }

  send(frame: Frame): void {
    this.#link.next(frame);
  }

  /** Closes the connection: normally, or with a close code and a reason. */
  close(code?: number, reason = ''): void {
    if (code === undefined) this.#link.complete();
    // Its frames may still wait, while another connection has taken its place.
    else if (this.#phase === 'over') this.#user = this.#early = undefined;
    // The stack of an error takes as long as the rest of a connection's end.
    else this.end(new ConnectionLostError(code, reason));
  }

  /** Closes a connection that has no user, and reports the error. */
  refuse(error: unknown, [code, reason]: Goodbye = goodbyeOf(error)): void {
    this.close(code, reason);
    this.#owner.onRefused(error);
  }

  /** Ends the connection with an error, which its user receives at once. */
  end(error: unknown): void {
    const user = this.#user;
    this.#user = this.#early = undefined;
    this.#link.error(error);
    user?.disconnected(this, { error, isOurs: true });
  }

  /** Abandons the connection: the server ends. */
  unsubscribe(): void {
    this.#owner.timeouts.end(this);
    this.#link.unsubscribe();
  }

  onHandshakeTimeout(): void {
    this.close(CloseCode.HANDSHAKE_TIMEOUT, this.#phase === 'new' ? 'no hello arrived in time' : 'the handshake timed out');
  }

  // ---- The link

  next(frame: Frame): void {
    if (this.#phase === 'open') this.#user?.receive(frame);
    else if (this.#phase === 'new') this.#receiveFirst(frame);
    else if (this.#phase !== 'over') this.#hold(frame);
  }

  error(error: unknown): void {
    if (this.#phase === 'new') this.#owner.onRefused(error);
    this.#ended({ error });
  }

  complete(): void {
    this.#ended({});
  }

  #receiveFirst(first: Frame): void {
    this.#phase = 'hello';
    this.first = first;
    this.#owner.onFirstFrame(this);
    // The answer to the welcome has a time of its own.
    if ((this.#phase as Phase) !== 'welcomed') this.#owner.timeouts.end(this);
  }

  #hold(frame: Frame): void {
    if (this.#phase === 'hello' && isSessionFrame(this.first)) {
      this.refuse(new ProtocolError('a frame arrived before the welcome'), [CloseCode.BAD_FRAMES, 'a frame arrived before the welcome']);
      return;
    }
    (this.#early ??= []).push(frame);
    const waiter = this.#waiter;
    if (waiter?.answered) {
      this.#waiter = undefined;
      waiter.answered();
      return;
    }
    this.#earlyBytes += frame.length + FRAME_OVERHEAD;
    if (this.#earlyBytes > MAX_EARLY) this.close(CloseCode.TRY_AGAIN_LATER, 'the client sent too much before the welcome');
  }

  #ended(end: ConnectionEnd): void {
    const { error } = end;
    const isOpen = this.#phase === 'open';
    this.#phase = 'over';
    this.#owner.timeouts.end(this);
    if (error instanceof ConnectionLostError && error.closeCode === CloseCode.FLOOD) this.onFlood?.(this.address);
    if (isOpen) this.#user?.disconnected(this, end);
    else this.#heldEnd = end;
    this.#waiter?.left();
    this.#owner.onEnded(this);
  }
}

/** Returns whether a first frame is the hello of the session protocol. */
export function isSessionFrame(frame: Frame): boolean {
  return typeof frame === 'string' && frame.startsWith('["hello",');
}
