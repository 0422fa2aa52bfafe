import type { IncomingMessage } from 'node:http';
import { ProtocolError } from '../../errors.js';
import { HttpHeader, LINK_LENGTH, NODE_PATTERN } from '../../link/http/httpHeaders.js';
import type { Ending } from '../../link/http/recordFormat.js';

const NAME = new RegExp(`^[\\w-]{${LINK_LENGTH}}$`);

/** Returns the link id of a request. @throws {ProtocolError} If it is malformed. */
export function linkIdOf({ headers }: IncomingMessage): string {
  const name = headers[HttpHeader.LINK];
  if (typeof name !== 'string' || !NAME.test(name)) throw new ProtocolError('the link id is missing or malformed');
  return name;
}

/** Returns the number of a request. @throws {ProtocolError} If it is missing. */
export function requestNumberOf({ headers }: IncomingMessage): number {
  const text = String(headers[HttpHeader.NUMBER]);
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new ProtocolError('the request number is missing or malformed');
  return Number(text);
}

/**
 * Returns the node that a request names; `undefined` if it names none.
 * @throws {ProtocolError} If
 * the name is malformed.
 */
export function nodeOf({ headers }: IncomingMessage): string | undefined {
  const node = headers[HttpHeader.NODE];
  if (node !== undefined && !(typeof node === 'string' && NODE_PATTERN.test(node))) throw new ProtocolError('the node is malformed');
  return node;
}

/** Returns the close code and reason of a client. @throws {ProtocolError} If they are malformed. */
export function endingOfRequest({ headers }: IncomingMessage): Ending {
  const code = String(headers[HttpHeader.CODE]);
  if (!/^[1-4]\d{3}$/.test(code)) throw new ProtocolError('the close code is missing or malformed');
  try {
    return { code: Number(code), reason: decodeURIComponent(String(headers[HttpHeader.REASON] ?? '')).slice(0, 123) };
  } catch {
    throw new ProtocolError('the close reason is malformed');
  }
}
