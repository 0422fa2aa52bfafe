import type { IncomingMessage } from 'node:http';
import type { Observer, SchedulerLike, Unsubscribable } from 'rxjs';
import { CallbackError, ConnectionLostError, ProtocolError, UnauthorizedError } from '../../message/errors.js';
import { createCoalescedTimer, type CoalescedTimer } from '../../operators/timing/coalescedTimer.js';
import { wallTime } from '../../message/steadyScheduler.js';
import { CloseCode } from '../../message/closeCode.js';
import { type Frame, connectionOver, type LinkConnection } from '../../io/link.js';
import type { Violation } from '../../core/frameFormat.js';
import { readHello, type ReceivedHello } from '../../core/serverHandshake.js';
import type { Credentials, Principal } from '../principal.js';
import type { ServedLink, ServedSocket } from '../serverOptions.js';
import type { HandshakeTimeouts } from './handshakeTimeouts.js';

/** The part of a server that owns its connections. */
export interface IncomingConnectionOwner {
  readonly scheduler: SchedulerLike;
  /** The time that the first frame may take, and the answer to the welcome. */
  readonly timeouts: HandshakeTimeouts;
  /** Called with the reason why a connection ended before its first frame. */
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
  /** Called when the client has answered the welcome by a frame, which waits for the reader. */
  answered?(): void;
  left(): void;
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

type End = { readonly error?: unknown };

/**
 * One connection of a client, from its start to its end. Frames that arrive before {@link
 * IncomingConnection.open} wait.
 */
export class IncomingConnection implements Observer<Frame>, Unsubscribable {
  /** The first frame, until it is not needed any more. */
  first: Frame = '';
  /** The request that opened the connection, if known. */
  readonly request: IncomingMessage | undefined;
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
  readonly #owner: IncomingConnectionOwner;
  /** The principal of the client, when the client is authenticated. */
  principal: Principal | undefined;
  #hasBegun = false;
  #hello: ReceivedHello | undefined;
  readonly #link: LinkConnection;
  #expiryTimer: CoalescedTimer | undefined;
  #reader: Observer<Frame> | undefined;
  /** The frames after the first that wait for the reader. */
  #early: Frame[] | undefined;
  #earlyBytes = 0;
  /** Whether the welcome was sent before the connection is opened. */
  #isWelcome = false;
  #waiter: ConnectionWaiter | undefined;
  /** Set while the frames after the welcome wait for {@link proceed}. */
  #onProceed: (() => void) | undefined;
  #end: End | undefined;

  constructor(link: ServedLink | ServedSocket, owner: IncomingConnectionOwner) {
    const { request, address = '', protocol = 'custom', onIdentified, onFlood } = link;
    this.request = request;
    this.address = address;
    this.onFlood = onFlood;
    this.protocol = protocol;
    this.onIdentified = onIdentified;
    this.#owner = owner;
    this.#link = 'connection' in link ? link.connection : connectionOver(link);
  }

  begin(): void {
    this.#owner.timeouts.begin(this);
    try {
      this.#link.begin(this);
    } catch (cause) {
      this.error(new CallbackError('link', cause));
    }
  }

  onHandshakeTimeout(): void {
    this.close(CloseCode.HANDSHAKE_TIMEOUT, this.#hasBegun ? 'the handshake timed out' : 'no hello arrived in time');
  }

  /**
   * Reads the first frame as a hello of the session protocol, once.
   * @throws {ProtocolError} When
   * the frame is no hello.
   */
  hello(): ReceivedHello {
    return (this.#hello ??= helloOf(this.first));
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
      this.#watchExpiry();
      done();
    };
    return this.#owner.authenticate(this, { token }, renewed, failed);
  }

  /**
   * Passes all frames to a reader from now on, beginning with the first; the frames after a welcome
   * only from {@link proceed} on. To be called once.
   */
  open(reader: Observer<Frame>): void {
    this.#watchExpiry();
    if (!this.#isWelcome) {
      this.#early?.unshift(this.first);
      this.#pass(reader);
      return;
    }
    reader.next(this.first);
    this.#onProceed = () => this.#pass(reader);
  }

  /** Passes the answer to the welcome to the reader, and all frames after it. */
  proceed(): void {
    this.#onProceed?.();
    this.#onProceed = undefined;
  }

  #pass(reader: Observer<Frame>): void {
    // Frames that arrive meanwhile wait behind the earlier ones.
    const early = this.#early ?? [];
    for (let frame = early.shift(); frame !== undefined && this.#early; frame = early.shift()) reader.next(frame);
    this.#owner.timeouts.end(this);
    // The reader may have left meanwhile.
    if (!this.#early) return;
    this.#early = undefined;
    this.#reader = reader;
    if (this.#end) notifyOfEnd(reader, this.#end);
    // Only a link over requests still needs the token of the hello, to authenticate further
    // requests.
    else if (!this.onIdentified || !this.#hello) {
      this.first = '';
      this.#hello = undefined;
    }
  }

  leave(): void {
    this.#expiryTimer?.clear();
    this.#early = undefined;
    this.#onProceed = undefined;
    this.#reader = undefined;
  }

  send(frame: Frame): void {
    this.#link.next(frame);
  }

  finish(): void {
    this.#link.complete();
  }

  fail(error: unknown): void {
    this.#link.error(error);
  }

  close(code: CloseCode, reason: string): void {
    // The stack of an error takes as long as the rest of a connection's end.
    if (!this.#end) this.fail(new ConnectionLostError(code, reason));
  }

  /**
   * Sends a welcome, and waits until the client has answered it. Closes the connection when that
   * takes longer than the `handshakeTimeout`.
   */
  welcome(frame: Frame, waiter: ConnectionWaiter): void {
    this.send(frame);
    this.#isWelcome = true;
    if (!this.#end) this.#owner.timeouts.begin(this);
    this.waitFor(waiter);
  }

  /** Tells `waiter`, in place of an earlier one, what the client does. */
  waitFor(waiter: ConnectionWaiter | undefined): void {
    this.#waiter = waiter;
    if (this.#end) waiter?.left();
  }

  next(frame: Frame): void {
    if (!this.#hasBegun) this.#receiveFirst(frame);
    else if (this.#early) this.#hold(this.#early, frame);
    else this.#reader?.next(frame);
  }

  error(error: unknown): void {
    if (!this.#hasBegun) this.#owner.onRefused(error);
    this.#ended({ error });
  }

  complete(): void {
    this.#ended({});
  }

  unsubscribe(): void {
    this.#owner.timeouts.end(this);
    this.#link.unsubscribe();
  }

  #receiveFirst(first: Frame): void {
    this.#hasBegun = true;
    this.first = first;
    this.#early = [];
    this.#owner.onFirstFrame(this);
    // The answer to the welcome has a time of its own.
    if (!this.#isWelcome) this.#owner.timeouts.end(this);
  }

  #hold(early: Frame[], frame: Frame): void {
    if (!this.#isWelcome && isSessionFrame(this.first)) {
      this.#owner.onRefused(new ProtocolError('a frame arrived before the welcome'));
      this.close(CloseCode.BAD_FRAMES, 'a frame arrived before the welcome');
      return;
    }
    early.push(frame);
    const waiter = this.#waiter;
    if (waiter?.answered) {
      this.#waiter = undefined;
      waiter.answered();
      return;
    }
    this.#earlyBytes += frame.length + FRAME_OVERHEAD;
    if (this.#earlyBytes > MAX_EARLY) this.close(CloseCode.TRY_AGAIN_LATER, 'the client sent too much before the welcome');
  }

  #ended(end: End): void {
    this.#end = end;
    this.#owner.timeouts.end(this);
    if (end.error instanceof ConnectionLostError && end.error.closeCode === CloseCode.FLOOD) this.onFlood?.(this.address);
    if (this.#reader) notifyOfEnd(this.#reader, end);
    this.#waiter?.left();
    this.#owner.onEnded(this);
  }

  #watchExpiry(): void {
    this.#expiryTimer?.clear();
    const { expiresAt } = this.principal ?? {};
    if (expiresAt === undefined || !(expiresAt < Infinity)) return;
    const { scheduler } = this.#owner;
    this.#expiryTimer ??= createCoalescedTimer(scheduler, () => {
      // A timer fires too early when its delay had to be limited.
      if (wallTime(scheduler) < (this.principal?.expiresAt ?? Infinity)) this.#watchExpiry();
      else this.close(CloseCode.EXPIRED, 'the credentials have expired');
    });
    this.#expiryTimer.set(expiresAt - wallTime(scheduler));
  }
}

/** Returns whether a first frame is the hello of the session protocol. */
export function isSessionFrame(frame: Frame): boolean {
  return typeof frame === 'string' && frame.startsWith('["hello",');
}

/** @throws {ProtocolError} If the first frame of a connection is no valid hello. */
function helloOf(first: Frame): ReceivedHello {
  try {
    return readHello(first);
  } catch (error) {
    throw new ProtocolError((error as Violation).message);
  }
}

function notifyOfEnd(reader: Observer<Frame>, end: End): void {
  if ('error' in end) reader.error(end.error);
  else reader.complete();
}
