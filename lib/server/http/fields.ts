import type { IncomingMessage } from 'node:http';
import { ProtocolError } from '../../errors.js';
import { HttpHeader, LINK_LENGTH } from '../../link/http/headers.js';
import type { Ending } from '../../link/http/records.js';

const NAME = new RegExp(`^[\\w-]{${LINK_LENGTH}}$`);

/** Names the link of a request. @throws {ProtocolError} When that is no name that a client would make. */
export function linkOf({ headers }: IncomingMessage): string {
  const name = headers[HttpHeader.LINK];
  if (typeof name !== 'string' || !NAME.test(name)) throw new ProtocolError('no name of a link');
  return name;
}

/** The number of a request. @throws {ProtocolError} When it has none. */
export function numberOf({ headers }: IncomingMessage): number {
  const text = String(headers[HttpHeader.NUMBER]);
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new ProtocolError('no number');
  return Number(text);
}

/** How a client says goodbye. @throws {ProtocolError} When it is no way to do that. */
export function endingOf({ headers }: IncomingMessage): Ending {
  const code = String(headers[HttpHeader.CODE]);
  if (!/^[1-4]\d{3}$/.test(code)) throw new ProtocolError('no close code');
  try {
    return { code: Number(code), reason: decodeURIComponent(String(headers[HttpHeader.REASON] ?? '')).slice(0, 123) };
  } catch {
    throw new ProtocolError('a reason that cannot be read');
  }
}
