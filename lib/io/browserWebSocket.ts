import { NoWebSocketError } from '../message/errors.js';
import type { WebSocketConstructor } from './webSocketLike.js';

/**
 * Returns the browser's WebSocket. This file replaces `nodeWebSocket.ts` in bundles for browsers.
 *
 * @throws {NoWebSocketError} If there is none.
 */
export function platformWebSocket(): WebSocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: WebSocketConstructor };
  if (!WebSocket) throw new NoWebSocketError();
  return WebSocket;
}
