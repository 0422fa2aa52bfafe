import { defer, of, throwError, type Observable } from 'rxjs';
import { NoWebSocketError } from '../errors.js';
import type { WebSocketConstructor } from './guardedSocket.js';

/** The browser's WebSocket. This file replaces `nodeWebSocket.ts` in bundles for browsers. */
export const platformWebSocket: Observable<WebSocketConstructor> = /* @__PURE__ */ defer(() => {
  const { WebSocket } = globalThis as { WebSocket?: WebSocketConstructor };
  return WebSocket ? of(WebSocket) : throwError(() => new NoWebSocketError());
});
