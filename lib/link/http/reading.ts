import { catchError, concatMap, EMPTY, from, map, toArray, type Observable } from 'rxjs';
import { concat } from '../../internal/concat.js';
import { ConnectionLostError, FrameTooLargeError } from '../../errors.js';
import { ABNORMAL, CloseCode } from '../closeCode.js';
import { unreachable } from './failure.js';
import { createEventReader } from './events.js';
import { bodyLimit, EVENTS_TYPE, RECORDS_TYPE } from './headers.js';
import type { FetchResponse } from './options.js';
import { fromRecords, type Item } from './records.js';

/** Takes the frames out of an answer. */
export type ReadAnswer = (response: FetchResponse) => Observable<Item>;

/** What an event has beside its frame is no more than this. */
const ROOM = 1_024;

/** Frames as they come, in a stream of events that has no end of its own. */
export function readEvents(maxFrame: number): ReadAnswer {
  return (response) => {
    // Base64 makes four characters of three bytes.
    const read = createEventReader(Math.ceil(maxFrame / 3) * 4 + ROOM);
    return bodyOf(response, EVENTS_TYPE).pipe(concatMap(read), catchError(lose));
  };
}

/** The frames of an answer that is complete; none, when it has no body. */
export function readRecords(maxFrame: number): ReadAnswer {
  const limit = bodyLimit(maxFrame);
  return (response) => {
    if (response.status === 204) return EMPTY;
    let size = 0;
    return bodyOf(response, RECORDS_TYPE).pipe(
      map((piece) => {
        size += piece.length;
        if (size > limit) throw new FrameTooLargeError(size, maxFrame);
        return piece;
      }),
      toArray(),
      concatMap((pieces) => fromRecords(concat(pieces), maxFrame)),
      catchError(lose),
    );
  };
}

/** What breaks off, or is not what it should be, is a lost connection. */
function lose(cause: unknown): Observable<never> {
  if (cause instanceof ConnectionLostError) throw cause;
  throw cause instanceof FrameTooLargeError
    ? new ConnectionLostError(CloseCode.MESSAGE_TOO_BIG, 'a frame that is too large', false, cause)
    : unreachable(cause);
}

/** @throws {ConnectionLostError} When it is something else: the page of whoever lets nobody through, as a rule. */
function bodyOf({ headers, body }: FetchResponse, type: string): Observable<Uint8Array> {
  const found = headers.get('content-type') ?? '';
  if (!found.startsWith(type)) throw new ConnectionLostError(ABNORMAL, `an answer of another type: ${found}`);
  return body ? from(body) : EMPTY;
}
