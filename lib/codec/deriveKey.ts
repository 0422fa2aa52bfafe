import { defer, type Observable } from 'rxjs';
import { UnsupportedError } from '../errors.js';
import { utf8 } from './seal/format.js';
import { pbkdf2, subtleHere } from './seal/webCipher.js';

export interface DeriveKeyOptions {
  /** How often the hash is taken: what makes each guess cost. At least 100,000. @default 600_000 */
  readonly iterations?: number;
}

/** Bytes that a salt has at least. */
const MIN_SALT = 16;
const MIN_ITERATIONS = 100_000;

/**
 * A key for a `keyring` of a passphrase, by PBKDF2 (RFC 8018) with HMAC-SHA-256, which Node and browsers both have; of the passphrase, its NFC in UTF-8 is used. It takes
 * about a fifth of a second, and blocks nobody. Such a key is as good as its passphrase: 32 random bytes are better.
 *
 * @param salt At least 16 random bytes. No secret: to be stored, as only the same ones make the same key.
 * @throws {RangeError} At call time, if the passphrase is empty, the salt too short, or `iterations` out of range.
 * @throws {UnsupportedError} At call time, in a page that came neither by HTTPS nor from this machine.
 * @example
 * const salt = crypto.getRandomValues(new Uint8Array(16));
 * deriveKey('correct horse battery staple', salt).subscribe((key) => {
 *   const keys = keyring({ current: 'k1', keys: { k1: key } });
 *   draw(keys.current);
 * });
 */
export function deriveKey(passphrase: string, salt: Uint8Array, options: DeriveKeyOptions = {}): Observable<Uint8Array> {
  const { iterations = 600_000 } = options;
  if (passphrase === '') throw new RangeError('deriveKey: "passphrase" must not be empty');
  if (!(salt.length >= MIN_SALT)) throw new RangeError(`deriveKey: "salt" must have ${MIN_SALT} bytes and more, got ${salt.length}`);
  if (!Number.isInteger(iterations) || iterations < MIN_ITERATIONS || iterations >= 2 ** 31)
    throw new RangeError(`deriveKey: "iterations" must be a whole number from ${MIN_ITERATIONS} to 2147483647, got ${iterations}`);
  const subtle = subtleHere();
  if (!subtle) throw new UnsupportedError('deriveKey: no cipher here: the page must come by HTTPS, or from this machine');
  const secret = utf8(passphrase.normalize('NFC'));
  return defer(() => pbkdf2(subtle, secret, salt, iterations));
}
