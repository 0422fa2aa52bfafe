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
