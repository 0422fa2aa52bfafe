import { randomBytes } from 'node:crypto';

/**
 * A name that nobody guesses, of 128 bits in 22 characters: or of more. In one piece: `nanoid` makes its names of many, which take 300 bytes more.
 *
 * @param bytes @default 16
 */
export function randomName(bytes = 16): string {
  return randomBytes(bytes).toString('base64url');
}
