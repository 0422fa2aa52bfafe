import { defer, type Observable } from 'rxjs';
import { UnsupportedError } from '../errors.js';
import { utf8 } from './unicode.js';
import { pbkdf2, platformSubtle } from './seal/cipher.js';

export interface DeriveKeyOptions {
  /**
   * The number of hash iterations, which determines the cost of each guess. At least 100,000.
   * @default 600_000
   */
  readonly iterations?: number;
}

/** The minimum length of a salt in bytes. */
const MIN_SALT = 16;
const MIN_ITERATIONS = 100_000;

/**
 * Derives a key for a `keyring` from a passphrase, by PBKDF2 (RFC 8018) with HMAC-SHA-256, which
 * Node and browsers support. The passphrase is normalized to NFC and encoded as UTF-8. It takes
 * about a fifth of a second, asynchronously. The key is only as strong as the passphrase: prefer 32
 * random bytes.
 *
 * @param salt At least 16 random bytes. Store it: only the same salt gives the same key. It is not
 *   secret.
 * @throws {RangeError} At call time, if the passphrase is empty, the salt too short, or
 *   `iterations` out of range.
 * @throws {UnsupportedError} At call time, in a page that was loaded neither by HTTPS nor from
 *   localhost.
 * @example
 * import { deriveKey, keyring } from 'rxwire';
 *
 * const salt = crypto.getRandomValues(new Uint8Array(16));
 * deriveKey('correct horse battery staple', salt).subscribe((key) => {
 *   const keys = keyring({ current: 'k1', keys: { k1: key } });
 *   console.log(keys.current);
 * });
 */
export function deriveKey(passphrase: string, salt: Uint8Array, options: DeriveKeyOptions = {}): Observable<Uint8Array> {
  const { iterations = 600_000 } = options;
  if (passphrase === '') throw new RangeError('deriveKey: "passphrase" must not be empty');
  if (!(salt.length >= MIN_SALT)) throw new RangeError(`deriveKey: "salt" must have ${MIN_SALT} bytes and more, got ${salt.length}`);
  if (!Number.isInteger(iterations) || iterations < MIN_ITERATIONS || iterations >= 2 ** 31)
    throw new RangeError(`deriveKey: "iterations" must be a whole number from ${MIN_ITERATIONS} to 2147483647, got ${iterations}`);
  const subtle = platformSubtle();
  if (!subtle) throw new UnsupportedError('deriveKey: no cipher is available: load the page by HTTPS, or from localhost');
  const secret = utf8(passphrase.normalize('NFC'));
  return defer(() => pbkdf2(subtle, secret, salt, iterations));
}
