import { noop } from 'rxjs';
import type { WebSocketLike as SocketHandlers } from 'rxjs-websockets';
import { ConnectionLostError, UnsupportedError } from '../errors.js';
import { ABANDONED, NORMAL, SLOW_READER } from './closeCode.js';
import type { Frame } from './link.js';

/** The `readyState` of a WebSocket that is open. */
const OPEN = 1;

/** The part of a WebSocket that a link uses: the browser's, that of `ws`, or a custom one. */
export interface WebSocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
  /** Ends the connection without waiting for the peer; only in `ws`. */
  terminate?(): void;
}

/** A class of WebSockets. */
export type WebSocketConstructor = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** The event of a closed socket. */
export interface CloseEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** A socket for `rxjs-websockets`, with the functions that this library does not provide. */
export interface GuardedSocket {
  /** For `makeWebSocket`. */
  readonly open: () => SocketHandlers;
  /** Returns the number of bytes that wait for the peer. */
  readonly buffered: () => number;
  /** @throws The error of the socket. */
  readonly send: (frame: Frame) => void;
  readonly closeCleanly: () => void;
  /**
   * Ends the connection with an error; a `ConnectionLostError` becomes the close code and reason.
   */
  readonly closeWith: (error: unknown) => void;
  /**
   * Returns the loss with its close code in place of an error of the library, or undefined when the
   * connection was closed normally.
   */
  readonly explain: (error: unknown) => unknown;
}

export function guardSocket(make: () => WebSocketLike): GuardedSocket {
  let socket: WebSocketLike | undefined;
  let closed: CloseEvent | undefined;
  let failure: unknown;
  let goodbye: readonly [code: number, reason: string] = [ABANDONED, ''];

  const close = (): void => {
    // A peer that reads too slowly would not read a close frame either.
    if (goodbye[0] === SLOW_READER && socket?.terminate) socket.terminate();
    else closeFor(socket, ...goodbye);
  };
  const send = (frame: Frame): void => {
    // A browser writes an error to its console when a socket that closes is given a frame.
    if (socket?.readyState === OPEN) socket.send(frame);
  };
  const handlers: SocketHandlers = { onopen: null, onmessage: null, onclose: null, onerror: null, send: noop, close };

  const listen = (opened: WebSocketLike): void => {
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
  };

  return {
    open: () => {
      socket = create(make);
      listen(socket);
      return handlers;
    },
    buffered: () => socket?.bufferedAmount ?? 0,
    send,
    closeCleanly: () => socket?.close(NORMAL),
    closeWith: (error) => {
      if (error instanceof ConnectionLostError) goodbye = [error.closeCode, error.reason];
    },
    explain: (error) => (closed ? explainClose(closed, failure) : error),
  };
}

/**
 * Returns the bytes of a message, without a copy. The result is not a `Buffer`, whose `slice`
 * returns a view instead of a copy.
 */
export function bytesOf(data: ArrayBuffer | Uint8Array): Uint8Array {
  return data instanceof Uint8Array ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
}

function create(make: () => WebSocketLike): WebSocketLike {
  try {
    return make();
  } catch (cause) {
    throw new UnsupportedError(`cannot open the address: ${messageOf(cause)}`, cause);
  }
}

/** Returns the error for a close event; undefined for a normal close. */
export function explainClose({ code, reason, wasClean }: CloseEvent, failure: unknown): ConnectionLostError | undefined {
  return code === NORMAL ? undefined : new ConnectionLostError(code, reason || messageOf(failure), wasClean, failure);
}

/** Closes a socket with a code and reason, if the socket supports them. */
export function closeFor(socket: Pick<WebSocketLike, 'close'> | undefined, code: number, reason: string): void {
  try {
    socket?.close(code, reason);
  } catch {
    // The socket rejects some codes and reasons, in browsers more than on servers.
    socket?.close(ABANDONED);
  }
}

function messageOf(failure: unknown): string {
  const { message, code } = Object(failure) as { readonly message?: string; readonly code?: string };
  // When no address of a host answers, the error has a code and no text.
  return message || code || '';
}
