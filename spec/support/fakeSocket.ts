import type { ServerSocket } from '../../lib/io/acceptedSocket.js';
import type { Frame } from '../../lib/io/link.js';
import type { WebSocketConstructor, WebSocketLike } from '../../lib/io/webSocketLike.js';

/** How a socket was closed: with which code and reason. */
type Closing = readonly [code: number | undefined, reason: string | undefined];

/** A WebSocket that says it is open, and whose events the test calls, one directly after the other, which no real socket promises. */
export class FakeWebSocket implements WebSocketLike {
  readyState = 1;
  readonly bufferedAmount = 0;
  binaryType = 'arraybuffer';
  onopen: ((event: object) => void) | null = null;
  onmessage: ((event: { readonly data: string }) => void) | null = null;
  onerror: ((event: object) => void) | null = null;
  onclose: ((event: { readonly code: number; readonly reason: string; readonly wasClean: boolean }) => void) | null = null;
  readonly sent: Frame[] = [];
  readonly closings: Closing[] = [];

  send(frame: Frame): void {
    this.sent.push(frame);
  }

  close(code?: number, reason?: string): void {
    this.closings.push([code, reason]);
  }
}

/** Returns a socket that is not open yet, and the class that makes it. */
export function fakeWebSocket(): { readonly socket: FakeWebSocket; readonly WebSocket: WebSocketConstructor } {
  const socket = new FakeWebSocket();
  const WebSocket = function () {
    return socket;
  } as unknown as WebSocketConstructor;
  return { socket, WebSocket };
}

/** A socket that a server has accepted; the test emits its events. */
export class FakeServerSocket implements ServerSocket {
  readonly bufferedAmount = 0;
  readonly sent: unknown[] = [];
  readonly closings: Closing[] = [];
  readonly #listeners = new Map<string, (...given: never[]) => void>();

  on(event: string, listener: (...given: never[]) => void): void {
    this.#listeners.set(event, listener);
  }

  emit(event: string, ...given: readonly unknown[]): void {
    this.#listeners.get(event)?.apply(this, given as never[]);
  }

  send(frame: unknown): void {
    this.sent.push(frame);
  }

  close(code?: number, reason?: string): void {
    this.closings.push([code, reason]);
  }

  terminate(): void {
    this.closings.push([1_006, '']);
  }

  pause(): void {
    this.terminate();
  }

  resume(): void {
    // A paused socket is terminated.
  }
}
