import { NEVER, noop, type Observable, type SchedulerLike, type Subscriber } from 'rxjs';
import rxjsWebSockets, { type WebSocketLike as SocketHandlers } from 'rxjs-websockets';
import { ConnectionLostError } from '../message/errors.js';
import { MAX_DELAY } from '../operators/timing/coalescedTimer.js';
import { steadyScheduler } from '../message/steadyScheduler.js';
import { ABANDONED, ABNORMAL, NORMAL, SLOW_READER } from '../message/closeCode.js';
import { bytesOf, closeFor, createSocket, explainClose, type CloseEvent, type WebSocketLike } from './webSocketLike.js';
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
 * subscribes to `outgoing` itself: the library handles neither its errors nor its end, and a
 * `Subject` in between takes eight calls a message, and twice the time of sending a frame.
 */
export function openSocket(make: () => WebSocketLike, outgoing: Observable<Frame>, to: Subscriber<Frame>, options: SocketOptions): void {
  const { openTimeout = 10_000, scheduler = steadyScheduler() } = options;
  let socket: WebSocketLike | undefined;
  let closed: CloseEvent | undefined;
  let failure: unknown;
  let goodbye: readonly [code: number, reason: string] = [ABANDONED, ''];
  const checkStall = createStallCheck(options, scheduler, () => socket?.bufferedAmount ?? 0);

  const close = (): void => {
    // A peer that reads too slowly would not read a close frame either.
    if (goodbye[0] === SLOW_READER && socket?.terminate) socket.terminate();
    else closeFor(socket, ...goodbye);
  };
  const handlers: SocketHandlers = { onopen: null, onmessage: null, onclose: null, onerror: null, send: noop, close };
  const makeWebSocket = (): SocketHandlers => {
    const opened = (socket = createSocket(make));
    // The Buffers of `ws` are used without a copy; other WebSockets deliver an ArrayBuffer.
    if (opened.binaryType !== 'nodebuffer') opened.binaryType = 'arraybuffer';
    opened.onopen = (event) => void handlers.onopen?.(event);
    opened.onmessage = (event) => void handlers.onmessage?.(event);
    // Only records the error: the close event always follows, with the close code.
    opened.onerror = (event: { error?: unknown }) => void (failure = event.error);
    opened.onclose = (event: CloseEvent) => {
      closed = event;
      handlers.onclose?.(event);
    };
    return handlers;
  };
  const fail = (error: unknown): void => {
    if (error instanceof ConnectionLostError) goodbye = [error.closeCode, error.reason];
    to.error(error);
  };
  const send = (frame: Frame): void => {
    if (to.closed) return;
    try {
      checkStall();
      // A browser writes an error to its console when a socket that closes is given a frame.
      if (socket?.readyState === OPEN) socket.send(frame);
    } catch (error) {
      fail(error);
    }
  };
  // The close code takes the place of an error of the library.
  const ended = (error: unknown): void => {
    const reason = closed ? explainClose(closed, failure) : error;
    if (reason) to.error(reason);
    else to.complete();
  };
  const onTimeout = (): void => {
    opening.unsubscribe();
    ended(new ConnectionLostError(ABNORMAL, 'the connection timed out'));
  };
  const timer = scheduler.schedule(onTimeout, Math.min(openTimeout, MAX_DELAY));
  const opening = connectSocket()('', { protocols: [], makeWebSocket }).subscribe({
    next(exchange) {
      timer.unsubscribe();
      to.add(exchange(NEVER).subscribe((data) => to.next(typeof data === 'string' ? data : bytesOf(data as ArrayBuffer))));
      to.add(outgoing.subscribe({ next: send, error: fail, complete: () => socket?.close(NORMAL) }));
    },
    error: ended,
  });
  to.add(() => {
    timer.unsubscribe();
    opening.unsubscribe();
  });
}

/** The `readyState` of a WebSocket that is open. */
const OPEN = 1;
