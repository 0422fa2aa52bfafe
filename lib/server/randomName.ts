import { randomBytes } from 'node:crypto';

/**
 * Returns a random name: 128 bits in 22 characters, or more. The text is one string in memory; a name of `nanoid` is a tree of parts, which takes 300 bytes more.
 *
 * @param bytes @default 16
 */
export function randomName(bytes = 16): string {
  return randomBytes(bytes).toString('base64url');
}
