import { assertPositive } from '../../internal/assert.js';
import { invalidField } from './requestSender.js';
import type { HttpLinkOptions } from './httpLinkOptions.js';

/**
 * Validates the options of a link and returns the address for its requests.
 *
 * @throws {TypeError} If `url` is not an HTTP address, or a header is invalid.
 * @throws {RangeError} If a number is out of range.
 */
export function validateAddress(owner: string, url: string | URL, options: HttpLinkOptions): string {
  const { headers, maxFrame, maxBuffered, stallTimeout, openTimeout } = options;
  assertPositive(owner, { maxFrame, maxBuffered, stallTimeout, openTimeout });
  const address = String(url).replace(/^ws(?=s?:)/i, 'http');
  if (!/^https?:\/\/[^@/?#]+([/?#]|$)/i.test(address))
    throw new TypeError(`${owner}: "url" must start with https:// or wss://, got ${String(url)}`);
  const bad = typeof headers === 'object' && invalidField(headers);
  if (bad) throw new TypeError(`${owner}: "headers" contains an invalid field: ${bad}`);
  return address;
}
