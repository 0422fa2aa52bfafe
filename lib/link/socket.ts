import { NEVER, type Observable, type SchedulerLike, type Subscriber } from 'rxjs';
import rxjsWebSockets from 'rxjs-websockets';
import { ConnectionLostError } from '../errors.js';
import { MAX_DELAY } from '../internal/coalescedTimer.js';
import { steadyScheduler } from '../internal/steadyScheduler.js';
import { ABNORMAL } from './closeCode.js';
import { bytesOf, guardSocket, type WebSocketLike } from './guardedSocket.js';
import type { Frame } from './link.js';
import { createStallCheck, type StallOptions } from './stallCheck.js';

export interface SocketOptions extends StallOptions {
  /** The maximum time for opening the connection, in ms. @default 10_000 */
  readonly openTimeout?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

// A CommonJS module: bundlers and Node disagree on where its default export is.
const connectSocket = (): typeof rxjsWebSockets =>
  (rxjsWebSockets as unknown as { default?: typeof rxjsWebSockets }).default ?? rxjsWebSockets;

/**
 * Opens a socket with `rxjs-websockets`, sends `outgoing` over it, and emits the received frames.
 * The library ensures the order of opening, reading and closing. This function adds the close code,
 * errors of `outgoing`, a limit for frames that wait for a slow peer, and binary frames. It
 * subscribes to `outgoing` itself and applies no operators to the library's stream: each operator
 * would take time for each frame.
 */
export function openSocket(make: () => WebSocketLike, outgoing: Observable<Frame>, to: Subscriber<Frame>, options: SocketOptions): void {
  const { openTimeout = 10_000, scheduler = steadyScheduler() } = options;
  const socket = guardSocket(make);
  const checkStall = createStallCheck(options, scheduler, socket.buffered);
  const fail = (error: unknown): void => {
    socket.closeWith(error);
    to.error(error);
  };
  const send = (frame: Frame): void => {
    if (to.closed) return;
    try {
      checkStall();
      socket.send(frame);
    } catch (error) {
      fail(error);
    }
  };
  const ended = (error: unknown): void => {
    const reason = socket.explain(error);
    if (reason) to.error(reason);
    else to.complete();
  };
  const onTimeout = (): void => {
    opening.unsubscribe();
    ended(new ConnectionLostError(ABNORMAL, 'the connection timed out'));
  };
  const timer = scheduler.schedule(onTimeout, Math.min(openTimeout, MAX_DELAY));
  to.add(timer);
  const opening = connectSocket()('', { protocols: [], makeWebSocket: socket.open }).subscribe({
    next(exchange) {
      timer.unsubscribe();
      to.add(exchange(NEVER).subscribe((data) => to.next(typeof data === 'string' ? data : bytesOf(data as ArrayBuffer))));
      to.add(outgoing.subscribe({ next: send, error: fail, complete: socket.closeCleanly }));
    },
    error: ended,
  });
  to.add(opening);
}
