import { assertPositive } from '../../internal/assert.js';
import { badField } from './caller.js';
import type { HttpLinkOptions } from './options.js';

/**
 * The address that requests go to, if all that a link was given can be used.
 *
 * @throws {TypeError} When `url` is no address of HTTP, or a header cannot be sent.
 * @throws {RangeError} When a number is out of range.
 */
export function addressOf(owner: string, url: string | URL, options: HttpLinkOptions): string {
  const { headers, maxFrame, maxBuffered, stallTimeout, openTimeout } = options;
  assertPositive(owner, { maxFrame, maxBuffered, stallTimeout, openTimeout });
  const address = String(url).replace(/^ws(?=s?:)/i, 'http');
  if (!/^https?:\/\/[^@/?#]+([/?#]|$)/i.test(address))
    throw new TypeError(`${owner}: "url" must start with https:// or wss://, got ${String(url)}`);
  const bad = typeof headers === 'object' && badField(headers);
  if (bad) throw new TypeError(`${owner}: "headers" holds what cannot be sent: ${bad}`);
  return address;
}
