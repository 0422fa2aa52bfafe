import { createHash, randomFillSync, timingSafeEqual } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { isIP, Socket } from 'node:net';

/** Random bytes: one call for many names costs a tenth of a call for each. */
const random = /* @__PURE__ */ Buffer.allocUnsafeSlow(4_096);
/** The number of bytes that are used, and cleared. */
let used = 4_096;

/**
 * Returns a random name: 128 bits in 22 characters, or more. The text is one string in memory; a
 * name of `nanoid` is a tree of parts, which takes 300 bytes more.
 *
 * Bundlers for browsers replace this file by `browserPlatform.ts`.
 *
 * @param bytes
 * @default 16
 */
export function randomName(bytes = 16): string {
  if (used + bytes > random.length) {
    randomFillSync(random);
    used = 0;
  }
  const start = used;
  used += bytes;
  const name = random.toString('base64url', start, used);
  // A name may be a secret, which is not to stay here.
  random.fill(0, start, used);
  return name;
}

/** Returns the SHA-256 of a text, as base64url. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** Compares two texts of the same length, in a time that does not depend on where they differ. */
export function isSameText(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

/** Returns whether a text is an IPv4 or IPv6 address. */
export function isAddress(text: string): boolean {
  return isIP(text) > 0;
}

/** Returns a request without content, for a link that no request has opened. */
export function emptyRequest(): IncomingMessage {
  return new IncomingMessage(new Socket());
}

/**
 * Returns a function that makes a request again from its head and its socket, which take a fifth of
 * the memory of a request. Returns the request if it is none of Node, or repeats a header.
 */
export function keepRequest(request: IncomingMessage): IncomingMessage | (() => IncomingMessage) {
  if (!(request instanceof IncomingMessage)) return request;
  const { socket, method = '', url = '', httpVersion, rawHeaders, headers } = request;
  if (rawHeaders.length !== 2 * Object.keys(headers).length || headers['set-cookie']) return request;
  // No part of a head contains a line feed.
  return keptRequest([method, url, httpVersion, ...rawHeaders].join('\n'), socket);
}

/** A function of its own: its closure must not hold the request. */
function keptRequest(head: string, socket: Socket): () => IncomingMessage {
  return () => {
    const [method, url, httpVersion = '', ...rawHeaders] = head.split('\n');
    const [httpVersionMajor, httpVersionMinor] = httpVersion.split('.').map(Number);
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    const headers = Object.fromEntries(names.map((name, index) => [name, rawHeaders[2 * index + 1] ?? '']));
    const headersDistinct = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
    const fields = { method, url, httpVersion, httpVersionMajor, httpVersionMinor, rawHeaders, headers, headersDistinct, complete: true };
    return Object.assign(new IncomingMessage(socket), fields);
  };
}
