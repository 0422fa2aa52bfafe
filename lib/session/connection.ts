import { map, Observable, type SchedulerLike, type Subscriber, type Subscription } from 'rxjs';
import { ConnectionLostError, ProtocolError } from '../errors.js';
import { after } from '../internal/after.js';
import { byteLength } from '../internal/byteLength.js';
import { BAD_FRAMES, HELLO_TIMEOUT, MESSAGE_TOO_BIG } from '../link/closeCode.js';
import type { Frame } from '../link/link.js';
import { heartbeat, noSilence, type HeartbeatOptions, type Silence } from './heartbeat.js';
import type { Ack, SessionFrame } from './protocol/frames.js';

/** The traffic over the connections of a session. */
export interface ByteCounts {
  bytesSent: number;
  bytesReceived: number;
  /** The time of the last frame, in ms of the clock of the scheduler. */
  activeAt?: number;
}

/** Counts the bytes of a frame, and records the time. @param now That of the scheduler. */
export function countFrame(counts: ByteCounts, direction: 'bytesSent' | 'bytesReceived', frame: Frame, now: number): void {
  counts[direction] += byteLength(frame);
  counts.activeAt = now;
}

export interface ConnectionOptions extends Pick<HeartbeatOptions, 'ping' | 'woken$'> {
  /** Returns whether a connection must ping although the other side sends frames. */
  readonly isWaiting: (connection: Connection) => boolean;
  readonly onOpen: (connection: Connection) => void;
  readonly onClosed: (connection: Connection) => void;
  /** How long the handshake may take, in ms: until its end, no heartbeat detects a silent peer. */
  readonly helloTimeout: number;
  readonly scheduler: SchedulerLike;
  /** Counts the bytes of frames. */
  readonly traffic: ByteCounts | undefined;
}

/**
 * Returns the frames for the other side. A link subscribes to them while it is open: each
 * subscription is another connection.
 */
export function connections(options: ConnectionOptions): Observable<Frame> {
  return new Observable((to) => {
    options.onOpen(new Connection(to, options));
  });
}

/** One connection of a session, while it is open. */
export class Connection {
  /** Whether the other side may send: a frame before that violates the protocol. */
  isWelcome = false;
  /** Whether this side may send. */
  isAgreed = false;
  /** Whether this side has ended the connection with an error. */
  #hasFailed = false;
  /** Whether the connection has ended: frames of it that are not read yet have no effect. */
  isOver = false;
  /**
   * The highest ack that arrived before this side may send. It is applied at the end of the
   * handshake: only then this side knows whether its numbers stay. The ack may cover more messages
   * than the handshake, which was written earlier.
   */
  earlyAck: Ack | undefined;
  silence: Silence;
  /** The number of checks of the heartbeat while no message was in flight. */
  #checks = 0;
  /** The time of a ping that the next ack answers. */
  pingedAt: number | undefined;
  /** Ends a handshake that takes too long; then the heartbeat. */
  #watching: Subscription;
  readonly #to: Subscriber<Frame>;
  readonly #options: ConnectionOptions;

  constructor(to: Subscriber<Frame>, options: ConnectionOptions) {
    this.#to = to;
    this.#options = options;
    this.silence = noSilence(options.scheduler.now());
    const tooLate$ = after(options.helloTimeout, options.scheduler).pipe(
      map((): never => {
        throw new ConnectionLostError(HELLO_TIMEOUT, 'the handshake timed out');
      }),
    );
    this.#watching = tooLate$.subscribe({ error: (error: unknown) => this.fail(error) });
    to.add(() => {
      this.isOver = true;
      this.#watching.unsubscribe();
      options.onClosed(this);
    });
  }

  send(frame: Frame): void {
    const { traffic, scheduler } = this.#options;
    if (traffic) countFrame(traffic, 'bytesSent', frame, scheduler.now());
    this.#to.next(frame);
  }

  /** Closes the connection normally. */
  close(): void {
    this.#to.complete();
  }

  /** Ends the connection with an error, which the other side receives as the close reason. */
  fail(error: unknown): void {
    this.#hasFailed = true;
    this.#to.error(error);
  }

  /**
   * Returns whether the other side has ended the connection because of a frame that this side has
   * sent.
   */
  isRefusal(error: unknown): error is ConnectionLostError {
    const code = this.isAgreed && !this.#hasFailed && error instanceof ConnectionLostError && error.closeCode;
    return code === MESSAGE_TOO_BIG || code === BAD_FRAMES;
  }

  /**
   * Returns whether a frame arrives before this side may send; its ack is kept.
   * @throws
   * {ProtocolError} When the other side may not send yet.
   */
  isEarly(frame: SessionFrame): boolean {
    if (!this.isWelcome) throw new ProtocolError('a frame arrived before the welcome');
    if (this.isAgreed) return false;
    const ack = frame.kind === 'ack' ? frame : frame.kind === 'msg' ? frame.ack : undefined;
    if (ack && ack.done >= (this.earlyAck?.done ?? 0)) this.earlyAck = ack;
    return true;
  }

  /** Records the arrival of a frame. */
  hear(frame: Frame): void {
    this.silence.isHeard = true;
    const { traffic, scheduler } = this.#options;
    if (traffic) countFrame(traffic, 'bytesReceived', frame, scheduler.now());
  }

  /**
   * Returns whether to ping now, while no message is in flight, to measure the latency: at each
   * second check of the heartbeat, from the first on. The next ack answers this ping.
   */
  mustMeasure(): boolean {
    const must = this.#checks++ % 2 === 0;
    if (must) this.pingedAt ??= this.#options.scheduler.now();
    return must;
  }

  /**
   * Takes an ack. Returns the time since the ping that it answers, in ms, or undefined when it does
   * not answer such a ping.
   */
  measured(): number | undefined {
    const since = this.pingedAt;
    this.pingedAt = undefined;
    return since === undefined ? undefined : Math.max(0, this.#options.scheduler.now() - since);
  }

  /**
   * Ends the handshake: both sides may send. From now on, each side must send a frame every `every`
   * ms.
   */
  agree(every: number, silence = noSilence(this.#options.scheduler.now())): void {
    const { scheduler, isWaiting, ping, woken$ } = this.#options;
    this.silence = silence;
    this.isAgreed = true;
    this.#watching.unsubscribe();
    if (this.isOver) return;
    this.#watching = heartbeat({ every, silence, isWaiting: () => isWaiting(this), ping, woken$, scheduler }).subscribe({
      error: (error: unknown) => this.fail(error),
    });
  }
}
