import { defer, from, type Observable } from 'rxjs';
import { NoWebSocketError } from '../errors.js';
import type { WebSocketConstructor } from './guardedSocket.js';

/**
 * The WebSocket of this runtime. On Node that is the package `ws`, loaded when the first connection opens; where it is not
 * installed, the global one. Browsers' bundlers put `browserWebSocket.ts` in the place of this file; those for rendering on a server keep it, and
 * bear that `ws` is missing only if the failure is handled right here.
 */
export const platformWebSocket: Observable<WebSocketConstructor> = /* @__PURE__ */ defer(() =>
  from(import('ws').then((ws) => ws.WebSocket as unknown as WebSocketConstructor, globalWebSocket)),
);

function globalWebSocket(cause: unknown): WebSocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: WebSocketConstructor };
  if (!WebSocket) throw new NoWebSocketError(cause);
  return WebSocket;
}
