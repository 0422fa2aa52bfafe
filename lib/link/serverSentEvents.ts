import { throwError } from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { ABNORMAL } from './closeCode.js';
import { addressOf } from './http/address.js';
import { EVENTS_TYPE } from './http/headers.js';
import { httpLink } from './http/httpLink.js';
import type { HttpLinkOptions } from './http/options.js';
import { readEvents } from './http/reading.js';
import type { DescribedLink, Frame, Link } from './link.js';

/**
 * A link over HTTP, for where WebSockets do not get through: frames come down in one answer that does not end, a stream of events, and go up in
 * requests. Each subscription opens one.
 *
 * It completes when either side is done, and errors with a `ConnectionLostError` when a request fails: 4401 and 4403 are the statuses 401 and 403,
 * 1013 is 503. Unsubscribing tells the server 4000: it may expect to see us again.
 *
 * @param url `https:`, or `wss:` for the same; what `listen` serves.
 * @throws {TypeError} At call time, when `url` is no such address, or a header cannot be sent.
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * const link = serverSentEvents('http://127.0.0.1:4870/wire', { headers: () => ({ authorization: 'Bearer s3cret' }) });
 */
export function serverSentEvents(url: string | URL, options: HttpLinkOptions = {}): Link<Frame> & DescribedLink {
  const { maxFrame = 1024 * 1024 } = options;
  const endpoint = addressOf('serverSentEvents', url, options);
  const ended$ = throwError(() => new ConnectionLostError(ABNORMAL, 'the stream has ended'));
  const link = httpLink(endpoint, { accept: EVENTS_TYPE, read: readEvents(maxFrame), more: () => ended$ }, options);
  return Object.assign(link, { protocol: 'sse', endpoint });
}
