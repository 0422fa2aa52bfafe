import type { IncomingMessage } from 'node:http';
import {
  Observable,
  of,
  tap,
  type Observer,
  type OperatorFunction,
  type SchedulerLike,
  type Subscriber,
  type Subscription,
  type Unsubscribable,
} from 'rxjs';
import { CallbackError, ConnectionLostError, ProtocolError, UnauthorizedError } from '../../errors.js';
import { createCoalescedTimer, type CoalescedTimer } from '../../internal/coalescedTimer.js';
import { wallTime } from '../../internal/steadyScheduler.js';
import { CloseCode } from '../../link/closeCode.js';
import type { Frame, Link } from '../../link/link.js';
import type { Violation } from '../../core/frameFormat.js';
import { readHello, type ReceivedHello } from '../../core/serverHandshake.js';
import type { Principal } from '../principal.js';
import type { ServedLink } from '../serverOptions.js';

export interface IncomingConnectionOptions {
  /** How long the first frame may take, in ms. */
  readonly helloTimeout: number;
  readonly scheduler: SchedulerLike;
  /** Called with the reason why a connection ended before its first frame. */
  readonly onRefused: (error: unknown) => void;
}

/**
 * Emits each connection when its first frame has arrived. All connections end when this is
 * unsubscribed.
 */
export function incomingConnections(options: IncomingConnectionOptions): OperatorFunction<ServedLink, IncomingConnection> {
  return (links$) =>
    // eslint-disable-next-line no-restricted-syntax -- a `mergeMap` would take half a kilobyte for each connection
    new Observable((to) => {
      const open = new Set<IncomingConnection>();
      let isDone = false;
      const owner: ConnectionOwner = {
        ...options,
        onFirstFrame: (connection) => to.next(connection),
        onEnded(connection) {
          open.delete(connection);
          if (isDone && open.size === 0) to.complete();
        },
      };
      const next = (link: ServedLink): void => {
        const connection = new IncomingConnection(link, owner);
        open.add(connection);
        connection.begin(link);
      };
      const complete = (): void => {
        isDone = true;
        if (open.size === 0) to.complete();
      };
      to.add(links$.subscribe({ next, error: (error: unknown) => to.error(error), complete }));
      to.add(() => [...open].forEach((connection) => connection.unsubscribe()));
    });
}

interface ConnectionOwner extends IncomingConnectionOptions {
  readonly onFirstFrame: (connection: IncomingConnection) => void;
  readonly onEnded: (connection: IncomingConnection) => void;
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
  /** The name of the transport. */
  readonly protocol: string;
  /**
   * To be called when the client is authenticated, with a function that authenticates another
   * request of the same connection.
   */
  readonly onIdentified: ServedLink['onIdentified'];
  readonly #onFlood: ServedLink['onFlood'];
  /**
   * Authenticates an authenticated client again, by a fresh token. Fails when the token is not
   * accepted, or is that of another principal.
   */
  renew: ((token: string) => Observable<unknown>) | undefined;
  readonly #owner: ConnectionOwner;
  #principal: Principal | undefined;
  #hasBegun = false;
  #hello: ReceivedHello | undefined;
  #link: Subscription | undefined;
  #helloTimer: CoalescedTimer | undefined;
  #expiryTimer: CoalescedTimer | undefined;
  /** Receives the frames for the client. */
  #peer: Subscriber<Frame> | undefined;
  /** Receives the frames of the client. */
  #reader: Observer<Frame> | undefined;
  /** The frames after the first that wait for the reader. */
  #early: Frame[] | undefined;
  #earlyBytes = 0;
  /** Whether the welcome was sent before the connection is opened. */
  #isWelcome = false;
  #onLeft: Subscriber<unknown> | undefined;
  #onAnswered: Subscriber<unknown> | undefined;
  /** Set while the frames after the welcome wait for {@link proceed}. */
  #onProceed: (() => void) | undefined;
  #end: End | undefined;

  constructor({ request, address = '', protocol = 'custom', onIdentified, onFlood }: ServedLink, owner: ConnectionOwner) {
    this.request = request;
    this.address = address;
    this.#onFlood = onFlood;
    this.protocol = protocol;
    this.onIdentified = onIdentified;
    this.#owner = owner;
  }

  begin(link: Link<Frame>): void {
    const { helloTimeout, scheduler } = this.#owner;
    if (helloTimeout < Infinity) {
      const onTimeout = (): void =>
        this.close(CloseCode.HELLO_TIMEOUT, this.#hasBegun ? 'the handshake timed out' : 'no hello arrived in time');
      this.#helloTimer = createCoalescedTimer(scheduler, onTimeout);
      this.#helloTimer.set(helloTimeout);
    }
    const toPeer$ = new Observable<Frame>((peer) => void (this.#peer = peer));
    try {
      this.#link = link(toPeer$).subscribe(this);
    } catch (cause) {
      this.error(new CallbackError('link', cause));
    }
  }

  /**
   * Reads the first frame as a hello of the session protocol, once.
   * @throws {ProtocolError} When
   * the frame is no hello.
   */
  hello(): ReceivedHello {
    return (this.#hello ??= helloOf(this.first));
  }

  /** The principal of the client, when the client is authenticated. */
  get principal(): Principal | undefined {
    return this.#principal;
  }

  /**
   * Sets the principal of the client. The open connection is closed when the credentials expire,
   * unless they were renewed.
   *
   * @param authenticate Emits the principal of a token.
   */
  authenticated(principal: Principal, authenticate: (token: string) => Observable<Principal | undefined>): void {
    this.#principal = principal;
    this.renew = (token) => authenticate(token).pipe(tap((fresh) => this.#replace(fresh)));
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
    this.#clearHelloTimer();
    // The reader may have left meanwhile.
    if (!this.#early) return;
    this.#early = undefined;
    this.#reader = reader;
    if (this.#end) notifyOfEnd(reader, this.#end);
    // Only a link over requests still needs the token of the hello, to authenticate further
    // requests.
    else if (!this.onIdentified || !this.#hello) this.first = '';
  }

  /** Removes the reader. */
  leave(): void {
    this.#expiryTimer?.clear();
    this.#early = undefined;
    this.#onProceed = undefined;
    this.#reader = undefined;
  }

  send(frame: Frame): void {
    this.#peer?.next(frame);
  }

  /** Completes the connection. */
  finish(): void {
    this.#peer?.complete();
  }

  /** Ends the connection with the close code of an error. */
  fail(error: unknown): void {
    this.#peer?.error(error);
  }

  close(code: CloseCode, reason: string): void {
    this.fail(new ConnectionLostError(code, reason));
  }

  /**
   * Emits when the client has answered the welcome by a frame, which waits for the reader, and
   * completes. Closes the connection when that takes longer than the `helloTimeout`. For one
   * subscription.
   */
  answered(): Observable<unknown> {
    const { helloTimeout } = this.#owner;
    this.#isWelcome = true;
    return new Observable((to) => {
      this.#onAnswered = to;
      if (helloTimeout < Infinity) this.#helloTimer?.set(helloTimeout);
      return () => {
        this.#onAnswered = undefined;
        this.#clearHelloTimer();
      };
    });
  }

  /**
   * Emits when the client has left. For one subscription at a time: a later one replaces the
   * earlier one.
   */
  left(): Observable<unknown> {
    if (this.#end) return of(true);
    return new Observable((to) => {
      this.#onLeft = to;
      return () => {
        // The next subscription may begin before this one has ended.
        if (this.#onLeft === to) this.#onLeft = undefined;
      };
    });
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
    this.#helloTimer?.clear();
    this.#link?.unsubscribe();
  }

  #receiveFirst(first: Frame): void {
    this.#hasBegun = true;
    this.#helloTimer?.clear();
    this.first = first;
    this.#early = [];
    this.#owner.onFirstFrame(this);
  }

  #hold(early: Frame[], frame: Frame): void {
    if (isSessionFrame(this.first) && !this.#isWelcome) {
      this.#owner.onRefused(new ProtocolError('a frame arrived before the welcome'));
      this.close(CloseCode.BAD_FRAMES, 'a frame arrived before the welcome');
      return;
    }
    early.push(frame);
    const answered = this.#onAnswered;
    if (answered) {
      answered.next(true);
      answered.complete();
      return;
    }
    this.#earlyBytes += frame.length + FRAME_OVERHEAD;
    if (this.#earlyBytes > MAX_EARLY) this.close(CloseCode.TRY_AGAIN_LATER, 'the client sent too much before the welcome');
  }

  #ended(end: End): void {
    this.#end = end;
    this.#helloTimer?.clear();
    if (end.error instanceof ConnectionLostError && end.error.closeCode === CloseCode.FLOOD) this.#onFlood?.(this.address);
    if (this.#reader) notifyOfEnd(this.#reader, end);
    this.#onLeft?.next(true);
    this.#owner.onEnded(this);
  }

  #replace(fresh: Principal | undefined): void {
    if (fresh?.id !== this.#principal?.id) throw new UnauthorizedError(CloseCode.FORBIDDEN, 'the token belongs to another principal');
    this.#principal = fresh;
    this.#watchExpiry();
  }

  /** Ends the time limit of the handshake. The timer is not needed any more, and takes memory. */
  #clearHelloTimer(): void {
    this.#helloTimer?.clear();
    this.#helloTimer = undefined;
  }

  /** Returns in how many ms the credentials expire. */
  #timeLeft(): number {
    return (this.#principal?.expiresAt ?? Infinity) - wallTime(this.#owner.scheduler);
  }

  #watchExpiry(): void {
    this.#expiryTimer?.clear();
    const timeLeft = this.#timeLeft();
    if (!(timeLeft < Infinity)) return;
    this.#expiryTimer ??= createCoalescedTimer(this.#owner.scheduler, () => this.#onExpiryTimer());
    this.#expiryTimer.set(timeLeft);
  }

  /**
   * Closes the connection if the credentials have expired. A timer fires too early when it had to
   * be limited.
   */
  #onExpiryTimer(): void {
    if (this.#timeLeft() > 0) this.#watchExpiry();
    else this.close(CloseCode.EXPIRED, 'the credentials have expired');
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
