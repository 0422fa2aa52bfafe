import { EMPTY, throwError, type Observable } from 'rxjs';
import type { WebSocketLike as SocketHandlers } from 'rxjs-websockets';
import { ConnectionLostError, UnsupportedError } from '../errors.js';
import { ABANDONED, NORMAL, SLOW_READER } from './closeCode.js';

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
  readonly closeCleanly: () => void;
  /** An error that carries a close code tells the peer why. */
  readonly closeWith: (error: unknown) => void;
  /** Makes of the library's error what the close event says: the end, or a loss with its code. */
  readonly explain: (error: unknown) => Observable<never>;
}

/** @param fail Gets what sending throws: the library would let it escape. */
export function guardSocket(make: () => WebSocketLike, fail: (error: unknown) => void): GuardedSocket {
  let socket: WebSocketLike | undefined;
  let closed: CloseEvent | undefined;
  let failure: unknown;
  let goodbye: readonly [code: number, reason: string] = [ABANDONED, ''];

  const close = (): void => {
    // Who reads too slowly will not read a close frame either.
    if (goodbye[0] === SLOW_READER && socket?.terminate) socket.terminate();
    else closeFor(socket, ...goodbye);
  };
  const send = (data: unknown): void => {
    try {
      socket?.send(data as string);
    } catch (error) {
      fail(error);
    }
  };
  const handlers: SocketHandlers = { onopen: null, onmessage: null, onclose: null, onerror: null, send, close };

  const listen = (opened: WebSocketLike): void => {
    opened.binaryType = 'arraybuffer';
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
    closeCleanly: () => socket?.close(NORMAL),
    closeWith: (error) => {
      if (error instanceof ConnectionLostError) goodbye = [error.closeCode, error.reason];
    },
    explain: (error) => {
      const reason = closed ? explainClose(closed, failure) : error;
      return reason ? throwError(() => reason) : EMPTY;
    },
  };
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
