import { throwError } from 'rxjs';
import { checkOptions } from '../message/development.js';
import { ConnectionLostError } from '../message/errors.js';
import { ABNORMAL } from '../message/closeCode.js';
import { EVENTS_TYPE } from './http/httpHeaders.js';
import { httpLink } from './http/httpLink.js';
import { readHttpLinkOptions, type HttpLinkOptions } from './http/httpLinkOptions.js';
import { readEvents } from './http/readResponse.js';
import type { DescribedLink, Frame, Link } from './link.js';

/**
 * A link over HTTP, for networks that block WebSockets. It receives frames in one endless response,
 * a stream of events, and sends them in requests. Each subscription opens a connection.
 *
 * It completes when either side completes, and fails with a `ConnectionLostError` when a request
 * fails: status 401 becomes 4401, 403 becomes 4403, and 503 becomes 1013. A wire does not reconnect
 * after the statuses 401, 403, 405 and 406, and after 400 and 413 only with a durable outbox.
 * Unsubscribing closes with 4000: the server may expect a resumption.
 *
 * @param url `https:`, or `wss:` for the same; the address that `listen` serves.
 * @throws {TypeError} At call time, if `url` is not such an address, or a header is invalid.
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * import { serverSentEvents } from 'rxwire';
 *
 * const link = serverSentEvents('http://127.0.0.1:4870/wire', {
 *   headers: () => ({ authorization: 'Bearer s3cret' }),
 * });
 */
export function serverSentEvents(url: string | URL, options: HttpLinkOptions = {}): Link<Frame> & DescribedLink {
  checkOptions('serverSentEvents', options);
  const read = readHttpLinkOptions('serverSentEvents', url, options);
  const { endpoint, maxFrame } = read;
  const ended$ = throwError(() => new ConnectionLostError(ABNORMAL, 'the stream has ended'));
  const link = httpLink({ accept: EVENTS_TYPE, read: readEvents(maxFrame), more: () => ended$ }, read);
  return Object.assign(link, { protocol: 'sse', endpoint });
}
