import { map, tap, throwError, timeout, toArray, type Observable, type SchedulerLike } from 'rxjs';
import { FrameTooLargeError, ProtocolError } from '../../errors.js';
import { MAX_DELAY } from '../../internal/coalescedTimer.js';
import { concatBytes } from '../../internal/concatBytes.js';
import { maxFragments } from '../limits/fragmentLimit.js';
import type { Exchange } from './exchange.js';
import { StatusError } from './statusError.js';

export interface BodyLimits {
  /** The maximum size in bytes. */
  readonly limit: number;
  /** The maximum duration in ms. */
  readonly timeLimit: number;
  readonly scheduler: SchedulerLike;
}

/**
 * Reads the body of a request. Fails as soon as it is too large or takes too long, and if the
 * client disconnects before its end.
 */
export function readBody({ request, body$ }: Exchange, { limit, timeLimit, scheduler }: BodyLimits): Observable<Uint8Array> {
  let size = Number(request.headers['content-length'] ?? 0);
  if (size > limit) return throwError(() => new FrameTooLargeError(size, limit));
  size = 0;
  let chunks = 0;
  const count = (chunk: Uint8Array): void => {
    size += chunk.length;
    if (size > limit) throw new FrameTooLargeError(size, limit);
    if (++chunks > maxFragments(limit)) throw new ProtocolError('the body has too many fragments');
  };
  return body$.pipe(
    tap(count),
    toArray(),
    map(concatBytes),
    timeout({
      first: Math.min(timeLimit, MAX_DELAY),
      scheduler,
      with: () => throwError(() => new StatusError(408, { connection: 'close' })),
    }),
  );
}
