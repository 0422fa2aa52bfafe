import { noop, type Observer, type SchedulerLike } from 'rxjs';
import type { WebSocket } from 'ws';
import { ConnectionLostError } from '../message/errors.js';
import { createRateDetector } from './rateDetector.js';
import { reportUncaught } from '../message/errors/reportUncaught.js';
import { steadyScheduler } from '../message/steadyScheduler.js';
import { ABANDONED, ABNORMAL, CloseCode, NORMAL, SLOW_READER } from '../message/closeCode.js';
import { bytesOf, closeFor, explainClose } from './webSocketLike.js';
import type { Frame, LinkConnection } from './link.js';
import type { SocketOptions } from './clientSocket.js';
import { createStallCheck } from './stallCheck.js';

export type AcceptedSocketOptions = Omit<SocketOptions, 'openTimeout'>;

/** The part of a socket of `ws` that the connection uses. */
export interface ServerSocket extends Pick<WebSocket, 'bufferedAmount' | 'close' | 'terminate'> {
  send(frame: Frame): void;
  /** Without events, the creator of the connection calls `receive`, `control` and `closed`. */
  on?(event: string, listener: (...given: never[]) => void): unknown;
  /** Only `ws` can pause. On other sockets, only the window of the session limits the client. */
  pause?(): void;
  resume?(): void;
}

/**
 * The property with the receiver of a socket's events: all sockets share the same listeners,
 * because listeners for each socket would take a kilobyte.
 */
const RECEIVER = Symbol('receiver');

interface WithReceiver {
  [RECEIVER]: AcceptedSocket;
}

function onMessage(this: WithReceiver, data: Buffer, isBinary: boolean): void {
  this[RECEIVER].receive(isBinary ? bytesOf(data) : data.toString());
}

function onControl(this: WithReceiver): void {
  this[RECEIVER].control();
}

// Only records the error: the close event always follows, with the close code.
function onError(this: WithReceiver, error: unknown): void {
  this[RECEIVER].failure = error;
}

function onClose(this: WithReceiver, code: number, reason: Buffer): void {
  this[RECEIVER].closed(code, reason.toString());
}

/**
 * A connection over an open socket that a server has accepted. It does not use `rxjs-websockets`,
 * which would take 16 KiB for each of thousands of connections.
 */
export class AcceptedSocket implements LinkConnection {
  failure: unknown;
  readonly #socket: ServerSocket;
  readonly #options: AcceptedSocketOptions;
  readonly #scheduler: SchedulerLike;
  #to!: Observer<Frame>;
  #goodbye: readonly [code: number, reason: string] = NO_GOODBYE;
  /** Whether this side has completed the connection: then it sends nothing more. */
  #isComplete = false;
  #isOver = false;
  /** Created at the first ping or pong. */
  #isTooOften: (() => boolean) | undefined;
  /** The size of the frames that arrived since the socket was last paused, in bytes. */
  #read = 0;
  /** The time that these frames took, in ms. */
  #spent = 0;
  /** The number of frames that arrived after the end. */
  #late = 0;
  /** Created when bytes wait for the peer. */
  #checkStall: (() => void) | undefined;

  constructor(socket: ServerSocket, options: AcceptedSocketOptions = {}) {
    this.#socket = socket;
    this.#options = options;
    this.#scheduler = options.scheduler ?? steadyScheduler();
  }

  begin(to: Observer<Frame>): void {
    const socket = this.#socket;
    this.#to = to;
    if (!socket.on) return;
    (socket as unknown as WithReceiver)[RECEIVER] = this;
    socket.on('message', onMessage);
    socket.on('ping', onControl);
    socket.on('pong', onControl);
    socket.on('error', onError);
    socket.on('close', onClose);
  }

  receive(frame: Frame): void {
    if (this.#isOver) {
      this.#ignore();
      return;
    }
    const begun = this.#scheduler.now();
    try {
      this.#to.next(frame);
    } catch (error) {
      reportUncaught(error);
    }
    this.#spent += this.#scheduler.now() - begun;
    this.#read += frame.length;
    if (this.#read >= MAX_READ && this.#socket.pause) this.#yield();
  }

  /** Handles a ping, which `ws` answers, or a pong. The rate of both is limited. */
  control(): void {
    if (this.#isOver) {
      this.#ignore();
      return;
    }
    this.#isTooOften ??= createRateDetector(MAX_CONTROLS, CONTROLS_IN, this.#scheduler);
    if (this.#isTooOften()) this.#fail(new ConnectionLostError(CloseCode.FLOOD, 'the client sent too many pings'));
  }

  closed(code: number, reason: string): void {
    const error = explainClose({ code, reason, wasClean: code !== ABNORMAL }, this.failure);
    if (error) this.#fail(error);
    else this.#end(() => this.#to.complete());
  }

  next(frame: Frame): void {
    if (this.#isOver || this.#isComplete) return;
    try {
      this.#check();
      this.#socket.send(frame);
    } catch (error) {
      this.error(error);
    }
  }

  error(error: unknown): void {
    if (!this.#isComplete) this.#fail(error);
  }

  complete(): void {
    if (this.#isOver || this.#isComplete) return;
    this.#isComplete = true;
    this.#socket.close(NORMAL);
  }

  unsubscribe(): void {
    this.#end(noop);
  }

  #fail(error: unknown): void {
    if (error instanceof ConnectionLostError) this.#goodbye = [error.closeCode, error.reason];
    this.#end(() => this.#to.error(error));
  }

  /** Tells the receiver of the end, then closes the socket. */
  #end(notify: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      notify();
    } catch (error) {
      reportUncaught(error);
    }
    // A peer that reads too slowly would not read a close frame either.
    if (this.#goodbye[0] === SLOW_READER) this.#socket.terminate();
    else closeFor(this.#socket, ...this.#goodbye);
  }

  /**
   * Reads on in the next turn of the event loop: Node would read up to 2 MiB of a socket at once.
   * After frames that took long, other sockets have three times as much time before.
   */
  #yield(): void {
    const spent = this.#spent;
    this.#read = this.#spent = 0;
    this.#socket.pause?.();
    // A closed connection reads on, too: the close frame of the peer follows.
    const resume = (): void => {
      if (this.#late < MAX_LATE) this.#socket.resume?.();
    };
    if (spent >= LONG) this.#scheduler.schedule(resume, 3 * spent);
    // eslint-disable-next-line no-restricted-globals -- a timer would leave the socket idle for 1 ms
    else setImmediate(resume);
  }

  /**
   * Ignores a frame after the end. After {@link MAX_LATE} of them, stops reading, and terminates
   * the socket after {@link LAST_MOMENT} ms.
   */
  #ignore(): void {
    if (++this.#late !== MAX_LATE) return;
    this.#socket.pause?.();
    this.#scheduler.schedule(() => this.#socket.terminate(), LAST_MOMENT);
  }

  #check(): void {
    if (!this.#checkStall && this.#socket.bufferedAmount > 0) {
      this.#checkStall = createStallCheck(this.#options, this.#scheduler, () => this.#socket.bufferedAmount);
    }
    this.#checkStall?.();
  }
}

/** The size of the frames after which other sockets have their turn, in bytes. */
const MAX_READ = 65_536;
/** The time that is long for so many frames, in ms. */
const LONG = 20;

/** The number of pings and pongs that is too many, and the window in ms. */
const MAX_CONTROLS = 1_000;
const CONTROLS_IN = 10_000;

/** The maximum number of frames that may arrive after the connection is closed. */
const MAX_LATE = 1_000;

/** How long the peer may take to read the close frame, in ms. */
const LAST_MOMENT = 1_000;

const NO_GOODBYE = [ABANDONED, ''] as const;
