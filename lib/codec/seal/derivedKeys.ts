import { isObservable, tap } from 'rxjs';
import { UnsupportedError } from '../../errors.js';
import { chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { AeadKey, Cipher } from './cipher.js';
import { utf8 } from './sealedFormat.js';
import { nativeCipher } from './nativeCipher.js';
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

/** A cache of recently used values: at least `size` of them, and at most twice as many. */
export interface GenerationCache<V> {
  get(name: string, make: () => V): V;
  set(name: string, value: V): void;
}

export function createGenerationCache<V>(size: number): GenerationCache<V> {
  let young = new Map<string, V>();
  let old = new Map<string, V>();

  const set = (name: string, value: V): void => {
    // Evicts a whole generation at once, so that no entry is searched for.
    if (young.size >= size && !young.has(name)) [old, young] = [young, new Map<string, V>()];
    young.set(name, value);
  };
  return {
    get(name, make) {
      const found = young.get(name);
      if (found !== undefined) return found;
      const value = old.get(name) ?? make();
      set(name, value);
      return value;
    },
    set,
  };
}
