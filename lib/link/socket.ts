import {
  catchError,
  defer,
  EMPTY,
  map,
  merge,
  mergeWith,
  NEVER,
  Subject,
  switchMap,
  tap,
  throwError,
  timeout,
  type Observable,
} from 'rxjs';
import rxjsWebSockets, { type WebSocketLike as SocketHandlers } from 'rxjs-websockets';
import { ConnectionLostError, UnsupportedError } from '../errors.js';
import { CloseCode } from './closeCode.js';
import type { Frame, Link } from './link.js';

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

export interface SocketOptions {
  /** Bytes that may wait in the socket for a slow peer; past that the link is lost with close code 4413. @default 16 MiB */
  readonly maxBuffered?: number;
  /** How long opening may take, in ms. @default 10_000 */
  readonly openTimeout?: number;
}

interface CloseEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

const OPEN = 1;
// A CommonJS module: bundlers and Node disagree on where its default export is.
const connectSocket = (rxjsWebSockets as unknown as { default?: typeof rxjsWebSockets }).default ?? rxjsWebSockets;

/**
 * A link over one socket, on `rxjs-websockets`. That library keeps the order of opening, reading and closing; added here is
 * what it leaves out: the close code, errors of `outgoing`, a limit to what waits for a slow peer, binary frames.
 */
export function socketLink(make: () => WebSocketLike, options: SocketOptions = {}): Link<Frame> {
  const { maxBuffered = 16 * 1024 * 1024, openTimeout = 10_000 } = options;
  return (outgoing) =>
    defer(() => {
      const socket = guardedSocket(make);
      const refused$ = new Subject<never>();

      const refuse = (error: unknown): Observable<never> => {
        socket.closeWith(error);
        refused$.error(error);
        return NEVER;
      };
      const checkRoom = (): void => {
        if (socket.buffered() > maxBuffered) throw new ConnectionLostError(CloseCode.SLOW_READER, 'the peer reads too slowly');
      };
      const guarded$ = outgoing.pipe(tap({ next: checkRoom, complete: socket.closeCleanly }), catchError(refuse));

      const opened$ = connectSocket('', { protocols: [], makeWebSocket: socket.open }).pipe(
        mergeWith(defer(socket.announceOpen)),
        timeout({ first: openTimeout, with: () => throwError(() => new ConnectionLostError(CloseCode.ABNORMAL, 'did not open in time')) }),
      );
      return merge(
        refused$,
        opened$.pipe(
          switchMap((exchange) => exchange(guarded$ as Observable<string>)),
          map((data) => (typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer))),
        ),
      ).pipe(catchError(socket.explain));
    });
}

/** The socket as `rxjs-websockets` shall see it, and what that library does not ask of it. */
function guardedSocket(make: () => WebSocketLike) {
  let socket: WebSocketLike | undefined;
  let closed: CloseEvent | undefined;
  let failure: unknown;
  let goodbye: readonly [code: number, reason: string] = [CloseCode.ABANDONED, ''];

  const handlers: SocketHandlers = {
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send: (data) => socket?.send(data as string),
    close: () => {
      const abrupt = goodbye[0] === (CloseCode.SLOW_READER as number);
      if (abrupt && socket?.terminate) socket.terminate();
      else socket?.close(...goodbye);
    },
  };

  return {
    open: (): SocketHandlers => {
      try {
        socket = make();
      } catch (cause) {
        throw new UnsupportedError(`this address cannot be opened: ${messageOf(cause)}`, cause);
      }
      socket.binaryType = 'arraybuffer';
      socket.onopen = (event) => handlers.onopen?.(event);
      socket.onmessage = (event) => handlers.onmessage?.(event);
      // An error says nothing that the close event, which always follows, does not say better.
      socket.onerror = (event: { error?: unknown }) => void (failure = event.error);
      socket.onclose = (event: CloseEvent) => {
        closed = event;
        handlers.onclose?.(event);
      };
      return handlers;
    },
    /** A socket that a server has accepted is open already, and will not say so again. */
    announceOpen: (): Observable<never> => {
      if (socket?.readyState === OPEN) handlers.onopen?.(undefined);
      return EMPTY;
    },
    buffered: (): number => socket?.bufferedAmount ?? 0,
    closeCleanly: (): void => socket?.close(CloseCode.NORMAL),
    /** An error that carries a close code tells the peer why. */
    closeWith: (error: unknown): void => {
      if (error instanceof ConnectionLostError) goodbye = [error.closeCode, error.reason];
    },
    explain: (error: unknown): Observable<never> => {
      if (!closed) return throwError(() => error);
      const { code, reason, wasClean } = closed;
      if (code === CloseCode.NORMAL) return EMPTY;
      return throwError(() => new ConnectionLostError(code, reason || messageOf(failure), wasClean, failure));
    },
  };
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : '';
}
