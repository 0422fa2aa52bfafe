import type { IncomingMessage } from 'node:http';
import { fromEvent, map, merge, take, takeUntil, tap, throwError, timeout, toArray, type Observable, type SchedulerLike } from 'rxjs';
import { ConnectionLostError, FrameTooLargeError, ProtocolError } from '../../errors.js';
import { MAX_DELAY } from '../../internal/alarm.js';
import { CloseCode } from '../../link/closeCode.js';
import { maxPieces } from '../pieces.js';
import { StatusError } from './refusal.js';

export interface BodyLimits {
  /** Bytes. */
  readonly limit: number;
  /** How long it may take, in ms. */
  readonly timeLimit: number;
  readonly scheduler: SchedulerLike;
}

/** Reads a request to its end. Fails at the first byte that is too much, when it takes too long, and when the client leaves in the middle. */
export function readBody(request: IncomingMessage, { limit, timeLimit, scheduler }: BodyLimits): Observable<Uint8Array> {
  let size = Number(request.headers['content-length'] ?? 0);
  if (size > limit) return throwError(() => new FrameTooLargeError(size, limit));
  size = 0;
  let pieces = 0;
  const count = (piece: Buffer): void => {
    size += piece.length;
    if (size > limit) throw new FrameTooLargeError(size, limit);
    if (++pieces > maxPieces(limit)) throw new ProtocolError('a body in too many pieces');
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
  return merge(body$, broken$).pipe(
    take(1),
    timeout({
      first: Math.min(timeLimit, MAX_DELAY),
      scheduler,
      with: () => throwError(() => new StatusError(408, { connection: 'close' })),
    }),
  );
}
