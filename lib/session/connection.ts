import { map, Observable, type SchedulerLike, type Subscriber, type Subscription } from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { after } from '../internal/after.js';
import { HELLO_TIMEOUT } from '../link/closeCode.js';
import type { Frame } from '../link/link.js';
import { heartbeat, noSilence, type HeartbeatOptions, type Silence } from './heartbeat.js';
import type { Ack } from './protocol/frames.js';

/** What has passed over the connections of a session. */
export interface ByteCounts {
  bytesSent: number;
  bytesReceived: number;
  /** When a frame passed last, in ms since the epoch. */
  lastActivity?: number;
}

/** Counts the bytes of a frame, and records when it passed. */
export function countFrame(counts: ByteCounts, direction: 'bytesSent' | 'bytesReceived', frame: Frame, now: number): void {
  counts[direction] += frame.length;
  counts.lastActivity = now;
}

export interface ConnectionOptions extends Pick<HeartbeatOptions, 'isWaiting' | 'ping' | 'woken$'> {
  readonly onOpen: (connection: Connection) => void;
  readonly onClosed: (connection: Connection) => void;
  /** How long the handshake may take, in ms: until its end no heartbeat notices that nothing arrives. */
  readonly helloTimeout: number;
  readonly scheduler: SchedulerLike;
  /** Counts the bytes of frames. */
  readonly traffic: ByteCounts | undefined;
}

/** Returns what goes to the other side. A link subscribes to it while the link is open: each subscription is another connection. */
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
  /** Whether the connection has ended: frames of it that are not read yet have no effect. */
  isOver = false;
  /**
   * The highest ack that came before this side may send. It is applied when both sides have agreed: until then it is not known whether the numbers of this
   * side stay, and the ack may tell of more than the handshake, which was written before it.
   */
  earlyAck: Ack | undefined;
  silence: Silence;
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
        throw new ConnectionLostError(HELLO_TIMEOUT, 'no end of the handshake');
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

  /** Says goodbye. */
  close(): void {
    this.#to.complete();
  }

  /** Ends the connection, and tells the other side why. */
  fail(error: unknown): void {
    this.#to.error(error);
  }

  /** A frame has come. */
  hear(frame: Frame): void {
    this.silence.isHeard = true;
    const { traffic, scheduler } = this.#options;
    if (traffic) countFrame(traffic, 'bytesReceived', frame, scheduler.now());
  }

  /** Both sides may send. From now on each side must be heard every `every` ms. */
  agree(every: number, silence = noSilence(this.#options.scheduler.now())): void {
    const { scheduler, isWaiting, ping, woken$ } = this.#options;
    this.silence = silence;
    this.isAgreed = true;
    this.#watching.unsubscribe();
    if (this.isOver) return;
    this.#watching = heartbeat({ every, silence, isWaiting, ping, woken$, scheduler }).subscribe({
      error: (error: unknown) => this.fail(error),
    });
  }
}
