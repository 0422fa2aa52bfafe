import { noop } from 'rxjs';
import type { WebSocketLike as SocketHandlers } from 'rxjs-websockets';
import { ConnectionLostError, UnsupportedError } from '../errors.js';
import { ABANDONED, NORMAL, SLOW_READER } from './closeCode.js';
import type { Frame } from './link.js';

/** What a link needs of a WebSocket: the browser's, that of `ws`, or one of your own. */
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
  /** Ends it without waiting for the peer; only `ws` can. */
  terminate?(): void;
}

/** A class of WebSockets. */
export type WebSocketConstructor = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** How a socket was closed. */
export interface CloseEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** One socket as `rxjs-websockets` shall see it, and what that library does not ask of it. */
export interface GuardedSocket {
  /** For `makeWebSocket`. */
  readonly open: () => SocketHandlers;
  /** Bytes that wait for the peer. */
  readonly buffered: () => number;
  /** @throws What the socket throws. */
  readonly send: (frame: Frame) => void;
  readonly closeCleanly: () => void;
  /** An error that carries a close code tells the peer why. */
  readonly closeWith: (error: unknown) => void;
  /** Returns the loss with its close code in place of an error of the library, or undefined when the connection was closed normally. */
  readonly explain: (error: unknown) => unknown;
}

export function guardSocket(make: () => WebSocketLike): GuardedSocket {
  let socket: WebSocketLike | undefined;
  let closed: CloseEvent | undefined;
  let failure: unknown;
  let goodbye: readonly [code: number, reason: string] = [ABANDONED, ''];

  const close = (): void => {
    // Who reads too slowly will not read a close frame either.
    if (goodbye[0] === SLOW_READER && socket?.terminate) socket.terminate();
    else closeFor(socket, ...goodbye);
  };
  const send = (frame: Frame): void => socket?.send(frame);
  const handlers: SocketHandlers = { onopen: null, onmessage: null, onclose: null, onerror: null, send: noop, close };

  const listen = (opened: WebSocketLike): void => {
    // The buffers of `ws` are read where they are; of others an ArrayBuffer comes with the event.
    if (opened.binaryType !== 'nodebuffer') opened.binaryType = 'arraybuffer';
    opened.onopen = (event) => void handlers.onopen?.(event);
    opened.onmessage = (event) => void handlers.onmessage?.(event);
    // An error says nothing that the close event, which always follows, does not say better.
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

/** Returns the bytes of a message, without a copy. It is no `Buffer`: the `slice` of a Buffer makes a view, and not a copy. */
export function bytesOf(data: ArrayBuffer | Uint8Array): Uint8Array {
  return data instanceof Uint8Array ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
}

function create(make: () => WebSocketLike): WebSocketLike {
  try {
    return make();
  } catch (cause) {
    throw new UnsupportedError(`this address cannot be opened: ${messageOf(cause)}`, cause);
  }
}

/** Nothing, when it is no loss. */
export function explainClose({ code, reason, wasClean }: CloseEvent, failure: unknown): ConnectionLostError | undefined {
  return code === NORMAL ? undefined : new ConnectionLostError(code, reason || messageOf(failure), wasClean, failure);
}

/** Closes it, with this code and reason where they may travel. */
export function closeFor(socket: Pick<WebSocketLike, 'close'> | undefined, code: number, reason: string): void {
  try {
    socket?.close(code, reason);
  } catch {
    // Not every code and reason may travel, and browsers send fewer of them than servers.
    socket?.close(ABANDONED);
  }
}

function messageOf(failure: unknown): string {
  const { message, code } = Object(failure) as { readonly message?: string; readonly code?: string };
  // When none of a host's addresses answers, there is a code but no text.
  return message || code || '';
}
