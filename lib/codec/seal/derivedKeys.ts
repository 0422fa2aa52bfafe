import { isObservable, tap } from 'rxjs';
import { UnsupportedError } from '../../errors.js';
import { chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { Cipher, AeadKey } from './cipher.js';
import { utf8 } from './sealedFormat.js';
import { nativeCipher } from './nativeCipher.js';
import { createGenerationCache, type GenerationCache } from './generationCache.js';
import { webCipher } from './webCipher.js';

/** @throws {UnsupportedError} If the runtime has no cipher. */
export function platformCipher(owner: string): Cipher {
  const cipher = nativeCipher() ?? webCipher();
  if (!cipher) throw new UnsupportedError(`${owner}: no cipher is available: load the page by HTTPS, or from localhost`);
  return cipher;
}

/** Returns the key that is derived from `secret` for `purpose`. */
export type KeyFor = (secret: Uint8Array, purpose: string) => MaybeAsync<AeadKey>;

/** The number of cached keys of each secret: a server has two for each client. */
const MAX_CACHED = 1_024;

/** Caches derived keys. The cache of a secret is garbage-collected with the secret. */
export function createDerivedKeys(cipher: Cipher): KeyFor {
  const cachesBySecret = new WeakMap<Uint8Array, GenerationCache<MaybeAsync<AeadKey>>>();

  return (secret, purpose) => {
    let cache = cachesBySecret.get(secret);
    if (!cache) cachesBySecret.set(secret, (cache = createGenerationCache(MAX_CACHED)));
    const keys = cache;
    return keys.get(purpose, () => {
      const key = chain(cipher.derive(secret, utf8(purpose)), (key) => cipher.importKey(key));
      // The cached key is synchronous from then on.
      return isObservable(key) ? key.pipe(tap((ready) => keys.set(purpose, ready))) : key;
    });
  };
}
