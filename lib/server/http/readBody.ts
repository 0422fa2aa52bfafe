import type { IncomingMessage } from 'node:http';
import { fromEvent, map, merge, take, takeUntil, tap, throwError, timeout, toArray, type Observable, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, FrameTooLargeError, ProtocolError } from '../../errors.js';
import { MAX_DELAY } from '../../internal/coalescedTimer.js';
import { CloseCode } from '../../link/closeCode.js';
import { maxFragments } from '../limits/fragmentLimit.js';
import { StatusError } from './statusError.js';

export interface BodyLimits {
  /** The maximum size in bytes. */
  readonly limit: number;
  /** The maximum duration in ms. */
  readonly timeLimit: number;
  readonly scheduler: SchedulerLike;
}

/** Reads the body of a request. Fails as soon as it is too large or takes too long, and if the client disconnects before its end. */
export function readBody(request: IncomingMessage, { limit, timeLimit, scheduler }: BodyLimits): Observable<Uint8Array> {
  let size = Number(request.headers['content-length'] ?? 0);
  if (size > limit) return throwError(() => new FrameTooLargeError(size, limit));
  size = 0;
  let chunks = 0;
  const count = (chunk: Buffer): void => {
    size += chunk.length;
    if (size > limit) throw new FrameTooLargeError(size, limit);
    if (++chunks > maxFragments(limit)) throw new ProtocolError('the body has too many fragments');
  };
  const body$ = (fromEvent(request, 'data') as Observable<Buffer>).pipe(
    tap(count),
    takeUntil(fromEvent(request, 'end')),
    toArray(),
    map((chunks) => Buffer.concat(chunks)),
  );
  const broken$ = fromEvent(request, 'close').pipe(
    map((): never => {
      throw new ConnectionLostError(CloseCode.ABNORMAL, 'the client disconnected before the end of the request');
    }),
  );
  return merge(body$, broken$).pipe(
    take(1),
    timeout({
      first: Math.min(timeLimit, MAX_DELAY),
      scheduler,
      with: () => throwError(() => new StatusError(408, { connection: 'close' })),
    }),
  );
}
