import { ConnectionLostError, UnsupportedError } from '../message/errors.js';
import { ABANDONED, NORMAL } from '../message/closeCode.js';

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

export interface CloseEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/**
 * Returns the bytes of a message, without a copy. The result is not a `Buffer`, whose `slice`
 * returns a view instead of a copy.
 */
export function bytesOf(data: ArrayBuffer | Uint8Array): Uint8Array {
  return data instanceof Uint8Array ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
}

/** @throws {UnsupportedError} When the socket cannot be created. */
export function createSocket(make: () => WebSocketLike): WebSocketLike {
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
