import { catchError, concatMap, EMPTY, from, map, toArray, type Observable } from 'rxjs';
import { concatBytes } from '../../message/bytes.js';
import { ConnectionLostError, FrameTooLargeError } from '../../message/errors.js';
import { ABNORMAL, MESSAGE_TOO_BIG } from '../../message/closeCode.js';
import { createEventDecoder } from './eventFormat.js';
import { bodyLimit, decodeRecords, type Item } from './recordFormat.js';
import { EVENTS_TYPE, RECORDS_TYPE } from './httpHeaders.js';
import type { FetchResponse } from './httpLinkOptions.js';
import { requestError } from './requestSender.js';

export type ReadResponse = (response: FetchResponse) => Observable<Item>;

/** The maximum size of an event beside its frame. */
const EVENT_OVERHEAD = 1_024;

/** Reads frames as they arrive, from a stream of events without an end. */
export function readEvents(maxFrame: number): ReadResponse {
  return (response) => {
    // Base64 encodes three bytes as four characters.
    const read = createEventDecoder(Math.ceil(maxFrame / 3) * 4 + EVENT_OVERHEAD);
    return responseBody(response, EVENTS_TYPE).pipe(concatMap(read), catchError(toConnectionLost));
  };
}

/** Reads the frames of a complete response; none if it has no body. */
export function readRecords(maxFrame: number): ReadResponse {
  const limit = bodyLimit(maxFrame);
  return (response) => {
    if (response.status === 204) return EMPTY;
    let size = 0;
    return responseBody(response, RECORDS_TYPE).pipe(
      map((chunk) => {
        size += chunk.length;
        if (size > limit) throw new FrameTooLargeError(size, maxFrame);
        return chunk;
      }),
      toArray(),
      concatMap((chunks) => decodeRecords(concatBytes(chunks), maxFrame)),
      catchError(toConnectionLost),
    );
  };
}

function toConnectionLost(cause: unknown): Observable<never> {
  if (cause instanceof ConnectionLostError) throw cause;
  throw cause instanceof FrameTooLargeError
    ? new ConnectionLostError(MESSAGE_TOO_BIG, 'a frame is too large', false, cause)
    : requestError(cause);
}

/**
 * @throws {ConnectionLostError} If the content type is different, as in the error page of a proxy.
 */
function responseBody({ headers, body }: FetchResponse, type: string): Observable<Uint8Array> {
  const found = headers.get('content-type') ?? '';
  if (!found.startsWith(type)) throw new ConnectionLostError(ABNORMAL, `expected the content type ${type}, got ${found}`);
  return body ? from(body) : EMPTY;
}
