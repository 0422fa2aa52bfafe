import type { Observer, SchedulerLike } from 'rxjs';
import { ConnectionLostError } from '../../message/errors.js';
import { reportUncaught } from '../../message/errors/reportUncaught.js';
import { ABANDONED, CloseCode, NORMAL } from '../../message/closeCode.js';
import type { Frame, LinkConnection } from '../../io/link.js';
import { createRateDetector } from '../../io/rateDetector.js';
import {
  closeOfError,
  closeOfStream,
  errorOfClose,
  frameOfStream,
  MAX_STREAMS,
  MULTIPLEXED,
  readStreamFrame,
  type StreamClose,
} from '../../io/streamFrames.js';
import type { ServedSocket, StreamAdmission } from '../serverOptions.js';
import type { HandshakeTimeouts } from './handshakeTimeouts.js';
import type { ConnectionEnd, ConnectionUser, IncomingConnection } from './incomingConnection.js';

/** The part of a server that accepts the streams of a connection. */
export interface StreamAcceptor {
  readonly scheduler: SchedulerLike;
  /** The time in which a connection without streams must open one. */
  readonly timeouts: HandshakeTimeouts;
  /** Counts streams as connections of their address. @default they are not counted */
  readonly admission?: StreamAdmission | undefined;
  accept(socket: ServedSocket): void;
}

/**
 * The number of frames for closed streams, and of refused streams, in this time in ms, after which
 * the server closes a connection as a flood. Some such frames are on their way when a stream ends.
 */
const MAX_INEFFECTIVE = 1_000;
const INEFFECTIVE_IN = 10_000;

/**
 * One connection that carries the streams of several clients, as the tabs of a browser. The server
 * accepts each stream as a connection of its own: it has a hello, credentials and limits of its
 * own. Each frame of a stream waits in the buffer of the one socket, whose limit holds for all.
 */
export class MultiplexedConnection implements ConnectionUser {
  readonly #connection: IncomingConnection;
  readonly #acceptor: StreamAcceptor;
  readonly #streams = new Map<number, AcceptedStream>();
  /** The number of the latest stream. */
  #latest = 0;
  readonly #isFlooding: () => boolean;

  constructor(connection: IncomingConnection, acceptor: StreamAcceptor) {
    this.#connection = connection;
    this.#acceptor = acceptor;
    this.#isFlooding = createRateDetector(MAX_INEFFECTIVE, INEFFECTIVE_IN, acceptor.scheduler);
  }

  get scheduler(): SchedulerLike {
    return this.#acceptor.scheduler;
  }

  begin(): void {
    this.#acceptor.timeouts.begin(this);
    this.#connection.open(this);
  }

  onHandshakeTimeout(): void {
    this.#connection.close(CloseCode.HANDSHAKE_TIMEOUT, 'the connection has no stream');
  }

  receive(frame: Frame): void {
    const read = readStreamFrame(frame);
    if (!read || read.stream > this.#latest + 1 || read.frame === MULTIPLEXED) {
      this.#connection.close(CloseCode.BAD_FRAMES, 'a frame of an unknown stream, or a malformed one');
      return;
    }
    const { stream: number, close } = read;
    const stream = number > this.#latest ? this.#open(number) : this.#streams.get(number);
    if (stream && close) stream.closed(close);
    else if (stream) stream.receive(read.frame ?? '');
    else if (this.#isFlooding()) this.#connection.close(CloseCode.FLOOD, 'the client sent too many frames to closed streams');
  }

  /** Ends the streams as a lost network does: the reason concerns none of their clients alone. */
  disconnected(_: IncomingConnection, { error: cause }: ConnectionEnd): void {
    const error = new ConnectionLostError(CloseCode.ABNORMAL, 'the connection of the stream has ended', false, cause);
    for (const stream of [...this.#streams.values()]) stream.lost(error);
    this.#acceptor.timeouts.end(this);
  }

  send(frame: Frame): void {
    this.#connection.send(frame);
  }

  /** A stream has ended. */
  remove(number: number): void {
    if (this.#streams.delete(number) && this.#streams.size === 0) this.#acceptor.timeouts.begin(this);
  }

  #open(number: number): AcceptedStream | undefined {
    this.#latest = number;
    const { address, request, protocol, onFlood } = this.#connection;
    const { admission, timeouts } = this.#acceptor;
    const entered = this.#streams.size < MAX_STREAMS ? (admission?.throttle(address) ?? admission?.enter(address)) : REFUSED;
    if (entered && typeof entered !== 'function') {
      this.send(closeOfStream(number, [CloseCode.TRY_AGAIN_LATER, 'too many connections']));
      return undefined;
    }
    const stream = new AcceptedStream(number, this, entered);
    this.#streams.set(number, stream);
    timeouts.end(this);
    this.#acceptor.accept({ connection: stream, address, protocol, ...(request && { request }), ...(onFlood && { onFlood }) });
    return stream;
  }
}

const REFUSED = { status: 503 };

/** One stream, as the connection of one client. */
class AcceptedStream implements LinkConnection {
  readonly #number: number;
  readonly #owner: MultiplexedConnection;
  readonly #leave: (() => void) | undefined;
  #to!: Observer<Frame>;
  /** Whether this side has closed the stream: then neither side sends anything more. */
  #isClosed = false;

  constructor(number: number, owner: MultiplexedConnection, leave: (() => void) | undefined) {
    this.#number = number;
    this.#owner = owner;
    this.#leave = leave;
  }

  begin(to: Observer<Frame>): void {
    this.#to = to;
  }

  receive(frame: Frame): void {
    try {
      this.#to.next(frame);
    } catch (error) {
      reportUncaught(error);
    }
  }

  /** The client has closed the stream. */
  closed(close: StreamClose): void {
    const error = errorOfClose(close);
    if (error) this.lost(error);
    else if (this.#end()) this.#to.complete();
  }

  /** The connection of the stream has ended, or the client has closed the stream. */
  lost(error: unknown): void {
    if (this.#end()) this.#to.error(error);
  }

  next(frame: Frame): void {
    if (!this.#isClosed) this.#owner.send(frameOfStream(this.#number, frame));
  }

  error(error: unknown): void {
    if (this.#end(closeOfError(error))) this.#to.error(error);
  }

  complete(): void {
    // Later, as after the close handshake of a socket: the caller has not finished.
    if (this.#end([NORMAL, ''])) this.#owner.scheduler.schedule(() => this.#to.complete());
  }

  unsubscribe(): void {
    this.#end([ABANDONED, '']);
  }

  /** @param close Is sent to the client. Returns false if the stream has ended before. */
  #end(close?: StreamClose): boolean {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    if (close) this.#owner.send(closeOfStream(this.#number, close));
    this.#leave?.();
    this.#owner.remove(this.#number);
    return true;
  }
}
