import { catchError, defer, from, map, of, throwError, type Observable } from 'rxjs';
import { NoWebSocketError } from '../errors.js';
import type { WebSocketConstructor } from './guardedSocket.js';

/**
 * The WebSocket of this runtime. On Node that is the package `ws`, loaded when the first connection opens; where it is not
 * installed, the global one. Browsers' bundlers put `browserWebSocket.ts` in the place of this file.
 */
export const platformWebSocket: Observable<WebSocketConstructor> = /* @__PURE__ */ defer(() =>
  from(import('ws')).pipe(
    map((ws) => ws.WebSocket as unknown as WebSocketConstructor),
    catchError((cause: unknown) => {
      const { WebSocket } = globalThis as { WebSocket?: WebSocketConstructor };
      return WebSocket ? of(WebSocket) : throwError(() => new NoWebSocketError(cause));
    }),
  ),
);
