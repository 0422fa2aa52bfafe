import { isObservable, tap } from 'rxjs';
import { UnsupportedError } from '../../errors.js';
import { chain, type Later } from '../../internal/later.js';
import type { Cipher, Safe } from './cipher.js';
import { utf8 } from './format.js';
import { nativeCipher } from './nativeCipher.js';
import { createRecent, type Recent } from './recent.js';
import { webCipher } from './webCipher.js';

/** @throws {UnsupportedError} Where there is none. */
export function cipherHere(owner: string): Cipher {
  const cipher = nativeCipher() ?? webCipher();
  if (!cipher) throw new UnsupportedError(`${owner}: no cipher here: the page must come by HTTPS, or from this machine`);
  return cipher;
}

/** The safe with the key that is derived of `secret` for `purpose`. */
export type SafeFor = (secret: Uint8Array, purpose: string) => Later<Safe>;

/** Derived keys that are remembered of each secret: a server has two for each of its clients. */
const REMEMBERED = 1_024;

/** Derives each key once, as long as it is used: of a secret that is gone, nothing is kept. */
export function createSafes(cipher: Cipher): SafeFor {
  const known = new WeakMap<Uint8Array, Recent<Later<Safe>>>();

  return (secret, purpose) => {
    let recent = known.get(secret);
    if (!recent) known.set(secret, (recent = createRecent(REMEMBERED)));
    const safes = recent;
    return safes.get(purpose, () => {
      const safe = chain(cipher.derive(secret, utf8(purpose)), (key) => cipher.safe(key));
      // From the second time on it answers at once.
      return isObservable(safe) ? safe.pipe(tap((ready) => safes.set(purpose, ready))) : safe;
    });
  };
}
