import { defer, of, repeat, tap, timer, type Observable } from 'rxjs';
import { checkOptions } from '../message/development.js';
import { RECORDS_TYPE } from './http/httpHeaders.js';
import { httpLink } from './http/httpLink.js';
import { readHttpLinkOptions, type HttpLinkOptions } from './http/httpLinkOptions.js';
import type { Item } from './http/recordFormat.js';
import { readRecords } from './http/readResponse.js';
import type { DescribedLink, Frame, Link } from './link.js';

/** The pause after a response without frames, in ms, for servers that do not hold polls. */
const PAUSE = 50;

/**
 * A link over plain requests, for networks that support nothing else. The server holds each request
 * until it has frames, or for 25 s; the next one follows at once. Each subscription opens a
 * connection.
 *
 * It ends in the same ways as {@link serverSentEvents}.
 *
 * @param url `https:`, or `wss:` for the same; the address that `listen` serves.
 * @throws {TypeError} At call time, if `url` is not such an address, or a header is invalid.
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * import { longPolling } from 'rxwire';
 *
 * const link = longPolling('http://127.0.0.1:4870/wire', {
 *   headers: { authorization: 'Bearer s3cret' },
 * });
 */
export function longPolling(url: string | URL, options: HttpLinkOptions = {}): Link<Frame> & DescribedLink {
  checkOptions('longPolling', options);
  const read = readHttpLinkOptions('longPolling', url, options);
  const { endpoint, maxFrame, scheduler } = read;
  const again = (ask$: Observable<Item>): Observable<Item> =>
    defer(() => {
      let isEmpty = false;
      const asked$ = ask$.pipe(tap({ subscribe: () => (isEmpty = true), next: () => (isEmpty = false) }));
      return asked$.pipe(repeat({ delay: () => (isEmpty ? timer(PAUSE, scheduler) : of(true)) }));
    });
  const link = httpLink({ accept: RECORDS_TYPE, read: readRecords(maxFrame), more: again }, read);
  return Object.assign(link, { protocol: 'long-polling', endpoint });
}
