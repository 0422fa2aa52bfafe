import type { IncomingMessage } from 'node:http';
import { fromEvent, map, merge, take, takeUntil, tap, throwError, toArray, type Observable } from 'rxjs';
import { ConnectionLostError, FrameTooLargeError } from '../../errors.js';
import { CloseCode } from '../../link/closeCode.js';

/** Reads a request to its end. Fails at the first byte that is too much, and when the client leaves in the middle. */
export function readBody(request: IncomingMessage, limit: number): Observable<Uint8Array> {
  let size = Number(request.headers['content-length'] ?? 0);
  if (size > limit) return throwError(() => new FrameTooLargeError(size, limit));
  size = 0;
  const count = (piece: Buffer): void => {
    size += piece.length;
    if (size > limit) throw new FrameTooLargeError(size, limit);
  };
  const body$ = (fromEvent(request, 'data') as Observable<Buffer>).pipe(
    tap(count),
    takeUntil(fromEvent(request, 'end')),
    toArray(),
    map((pieces) => Buffer.concat(pieces)),
  );
  const broken$ = fromEvent(request, 'close').pipe(
    map((): never => {
      throw new ConnectionLostError(CloseCode.ABNORMAL, 'half a request');
    }),
  );
  return merge(body$, broken$).pipe(take(1));
}
