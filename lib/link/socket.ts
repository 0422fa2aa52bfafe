import {
  asyncScheduler,
  catchError,
  defer,
  finalize,
  map,
  merge,
  NEVER,
  Subject,
  switchMap,
  takeUntil,
  tap,
  throwError,
  timeout,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import rxjsWebSockets from 'rxjs-websockets';
import { ConnectionLostError } from '../errors.js';
import { MAX_DELAY } from '../internal/coalescedTimer.js';
import { ABNORMAL } from './closeCode.js';
import { guardSocket, type WebSocketLike } from './guardedSocket.js';
import type { Frame, Link } from './link.js';
import { createStallCheck as createRoomCheck, type StallOptions } from './stallCheck.js';

export interface SocketOptions extends StallOptions {
  /** How long opening may take, in ms. @default 10_000 */
  readonly openTimeout?: number;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

// A CommonJS module: bundlers and Node disagree on where its default export is.
const connectSocket = (rxjsWebSockets as unknown as { default?: typeof rxjsWebSockets }).default ?? rxjsWebSockets;

/**
 * A link over one socket, on `rxjs-websockets`. That library keeps the order of opening, reading and closing; added here is
 * what it leaves out: the close code, errors of `outgoing`, a limit to what waits for a slow peer, binary frames.
 */
export function socketLink(make: () => WebSocketLike, options: SocketOptions = {}): Link<Frame> {
  const { openTimeout = 10_000, scheduler = asyncScheduler } = options;
  return (outgoing) =>
    defer(() => {
      const refused$ = new Subject<never>();
      const left$ = new Subject<void>();

      const refuse = (error: unknown): Observable<never> => {
        socket.closeWith(error);
        refused$.error(error);
        return NEVER;
      };
      const socket = guardSocket(make, refuse);
      const checkRoom = createRoomCheck(options, scheduler, socket.buffered);
      // The library does not leave what it is just about to subscribe to.
      const guarded$ = outgoing.pipe(tap({ next: checkRoom, complete: socket.closeCleanly }), catchError(refuse), takeUntil(left$));

      const opened$ = connectSocket('', { protocols: [], makeWebSocket: socket.open }).pipe(
        timeout({
          first: Math.min(openTimeout, MAX_DELAY),
          scheduler,
          with: () => throwError(() => new ConnectionLostError(ABNORMAL, 'did not open in time')),
        }),
      );
      return merge(
        refused$,
        opened$.pipe(
          switchMap((exchange) => exchange(guarded$ as Observable<string>)),
          map((data) => (typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer))),
        ),
      ).pipe(
        catchError(socket.explain),
        finalize(() => left$.next()),
      );
    });
}
