import { asyncScheduler, defer, of, repeat, tap, timer, type Observable } from 'rxjs';
import { addressOf } from './http/address.js';
import { RECORDS_TYPE } from './http/headers.js';
import { httpLink } from './http/httpLink.js';
import type { HttpLinkOptions } from './http/options.js';
import type { Item } from './http/records.js';
import { readRecords } from './http/reading.js';
import type { DescribedLink, Frame, Link } from './link.js';

/** After an answer without a frame, in ms: whoever gives it at once is not hammered. */
const PAUSE = 50;

/**
 * A link over plain requests, for where nothing else gets through: the server holds each one until it has frames for it, or for 25 s; the next one
 * follows at once. Each subscription opens one.
 *
 * It ends as one of {@link serverSentEvents} does.
 *
 * @param url `https:`, or `wss:` for the same; what `listen` serves.
 * @throws {TypeError} At call time, when `url` is no such address, or a header cannot be sent.
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * const link = longPolling('http://127.0.0.1:4870/wire', { headers: { authorization: 'Bearer s3cret' } });
 */
export function longPolling(url: string | URL, options: HttpLinkOptions = {}): Link<Frame> & DescribedLink {
  const { maxFrame = 1024 * 1024, scheduler = asyncScheduler } = options;
  const endpoint = addressOf('longPolling', url, options);
  const again = (ask$: Observable<Item>): Observable<Item> =>
    defer(() => {
      let isEmpty = false;
      const asked$ = ask$.pipe(tap({ subscribe: () => (isEmpty = true), next: () => (isEmpty = false) }));
      return asked$.pipe(repeat({ delay: () => (isEmpty ? timer(PAUSE, scheduler) : of(true)) }));
    });
  const link = httpLink(endpoint, { accept: RECORDS_TYPE, read: readRecords(maxFrame), more: again }, options);
  return Object.assign(link, { protocol: 'long-polling', endpoint });
}
