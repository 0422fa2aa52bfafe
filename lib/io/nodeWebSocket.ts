import { NoWebSocketError } from '../message/errors.js';
import type { WebSocketConstructor } from './webSocketLike.js';

/**
 * Returns the WebSocket of this runtime. On Node, this is the package `ws`, loaded when the first
 * connection opens, or the global one if `ws` is not installed. Bundlers for browsers replace this
 * file by `browserWebSocket.ts`. Bundlers for server rendering keep it, and accept a missing `ws`
 * only if the failed import is handled here.
 *
 * @throws {NoWebSocketError} Rejects with it, if there is none.
 */
export function platformWebSocket(): WebSocketConstructor | PromiseLike<WebSocketConstructor> {
  return import('ws').then((ws) => ws.WebSocket as unknown as WebSocketConstructor, globalWebSocket);
}

function globalWebSocket(cause: unknown): WebSocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: WebSocketConstructor };
  if (!WebSocket) throw new NoWebSocketError(cause);
  return WebSocket;
}
