import { map, type Observable, type SchedulerLike, tap, throwError, timeout, toArray } from 'rxjs';
import { FrameTooLargeError, ProtocolError } from '../../message/errors.js';
import { MAX_DELAY } from '../../operators/timing/coalescedTimer.js';
import { concatBytes } from '../../message/bytes.js';
import { HttpHeader, LINK_LENGTH, NODE_PATTERN } from '../../io/http/httpHeaders.js';
import { bodyLimit, decodeRecords, type Ending, isEnding, type Item } from '../../io/http/recordFormat.js';
import type { Frame } from '../../io/link.js';
import { maxFragments } from '../serverOptions.js';
import type { RequestHead, ResponseWriter } from './httpExchange.js';
import { StatusError } from './httpStatus.js';

/** A request of a client, or one that another node has forwarded. */
export interface ReceivedRequest {
  /** Its body is in `body$`: a forwarded request has no stream. */
  readonly head: RequestHead;
  /** Reads the body. Fails if the client disconnects before the end. */
  readonly body$: Observable<Uint8Array>;
  /** Takes the frames of a link that the request opens; undefined for a forwarded request. */
  readonly response?: ResponseWriter;
}

const NAME = new RegExp(`^[\\w-]{${LINK_LENGTH}}$`);

/** Returns the link id of a request. @throws {ProtocolError} If it is malformed. */
export function linkIdOf({ headers }: RequestHead): string {
  const name = headers[HttpHeader.LINK];
  if (typeof name !== 'string' || !NAME.test(name)) throw new ProtocolError('the link id is missing or malformed');
  return name;
}

/** Returns the number of a request. @throws {ProtocolError} If it is missing. */
export function requestNumberOf({ headers }: RequestHead): number {
  const text = String(headers[HttpHeader.NUMBER]);
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new ProtocolError('the request number is missing or malformed');
  return Number(text);
}

/**
 * Returns the node that a request names; `undefined` if it names none.
 *
 * @throws {ProtocolError} If the name is malformed.
 */
export function nodeOf({ headers }: RequestHead): string | undefined {
  const node = headers[HttpHeader.NODE];
  if (node !== undefined && !(typeof node === 'string' && NODE_PATTERN.test(node))) throw new ProtocolError('the node is malformed');
  return node;
}

/** Returns the close code and reason of a client. @throws {ProtocolError} If they are malformed. */
export function endingOfRequest({ headers }: RequestHead): Ending {
  const code = String(headers[HttpHeader.CODE]);
  if (!/^[1-4]\d{3}$/.test(code)) throw new ProtocolError('the close code is missing or malformed');
  try {
    return { code: Number(code), reason: decodeURIComponent(String(headers[HttpHeader.REASON] ?? '')).slice(0, 123) };
  } catch {
    throw new ProtocolError('the close reason is malformed');
  }
}

/**
 * Reads the frames in the body of a request. Fails as soon as the body is too large, or takes more
 * than `timeLimit` ms, and if the client disconnects before its end.
 */
export function framesOf(
  { head, body$ }: ReceivedRequest,
  maxFrame: number,
  timeLimit: number,
  scheduler: SchedulerLike,
): Observable<readonly Frame[]> {
  const limit = bodyLimit(maxFrame);
  const announced = Number(head.headers['content-length'] ?? 0);
  if (announced > limit) return throwError(() => new FrameTooLargeError(announced, limit));
  let size = 0;
  let chunks = 0;
  const count = (chunk: Uint8Array): void => {
    size += chunk.length;
    if (size > limit) throw new FrameTooLargeError(size, limit);
    if (++chunks > maxFragments(limit)) throw new ProtocolError('the body has too many fragments');
  };
  return body$.pipe(
    tap(count),
    toArray(),
    timeout({
      first: Math.min(timeLimit, MAX_DELAY),
      scheduler,
      with: () => throwError(() => new StatusError(408, { connection: 'close' })),
    }),
    map((all) => decodeRecords(concatBytes(all), maxFrame).map((item) => asFrame(item))),
  );
}

function asFrame(item: Item): Frame {
  if (isEnding(item)) throw new ProtocolError('unexpected end of the link in a request');
  return item;
}
