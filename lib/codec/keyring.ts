import { defer, map, type Observable } from 'rxjs';
import { checkOptions } from '../message/development.js';
import { UnsupportedError } from '../message/errors.js';
import { NAME_PATTERN } from '../message/messageLimits.js';
import { pbkdf2, platformSubtle } from './seal/cipher.js';
import { utf8 } from './unicode.js';

export interface KeyringOptions {
  /** The name of the key that encrypts. */
  readonly current: string;
  /** All keys by name, each 32 random bytes. All of them decrypt. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
}

/** Keys by name. They may change during use. */
export interface Keyring {
  /** The name of the key that encrypts. */
  readonly current: string;
  /** Returns the key with this name. */
  get(name: string): Uint8Array | undefined;
  /**
   * Adds a key for decryption.
   *
   * @throws {RangeError} If it does not have 32 bytes.
   * @throws {TypeError} If the name is invalid or in use.
   */
  add(name: string, key: Uint8Array): void;
  /**
   * Selects the key that encrypts. The others only decrypt.
   *
   * @throws {RangeError} If there is no such key.
   */
  use(name: string): void;
  /**
   * Removes a key. Data that was encrypted with it is rejected from now on.
   *
   * @throws {RangeError} If it is the current one.
   */
  remove(name: string): void;
}

export interface FromSecretOptions extends DeriveKeyOptions {
  /** The name of the key. @default 'secret' */
  readonly name?: string;
  /** At least 16 random bytes that both sides have. Not secret. @default the same everywhere */
  readonly salt?: Uint8Array;
}

/** Creates keyrings. */
export interface KeyringFactory {
  /** See {@link keyring}. */
  (options: KeyringOptions): Keyring;
  /**
   * Derives the key of a keyring from a secret text: the same text gives the same key on both
   * sides. It uses `deriveKey`, which takes about a fifth of a second, asynchronously, so that
   * guessing is slow. Emits the keyring, then completes; each subscription derives the key anew.
   *
   * Use a random text, as of `openssl rand -base64 32`. For a passphrase of a person, set a random
   * `salt`: without it, one list of guesses serves an attacker for all programs.
   *
   * @throws {RangeError} At call time, if the text is empty, or has fewer than 16 characters and
   *   there is no `salt`; if the salt is too short, or `iterations` out of range.
   * @throws {TypeError} At call time, if the name is invalid.
   * @throws {UnsupportedError} At call time, in a page neither of HTTPS nor of localhost.
   * @example
   * import { keyring } from 'rxwire';
   *
   * keyring.fromSecret('pq3Jk0s5vQxW9tZ2yB7nLm4c', { name: '2026-03' }).subscribe((keys) => {
   *   console.log(keys.current); // prints: 2026-03
   * });
   */
  readonly fromSecret: (text: string, options?: FromSecretOptions) => Observable<Keyring>;
}

/** The size of a key in bytes. */
const SIZE = 32;
/** The minimum length of a secret without a salt, in characters. */
const MIN_SECRET = 16;
/** The salt of secrets that have none of their own, in UTF-8. */
const SHARED_SALT = 'rxwire keyring 1';

/**
 * Creates a set of keys for `sealed` and `encryptPayload`. One key encrypts, all decrypt. To rotate
 * keys during use, first `add` the new key to every keyring, then `use` it everywhere, and `remove`
 * the old key when no data is left that it has encrypted.
 *
 * @throws {RangeError} At call time, if a key does not have 32 bytes, or `current` is none.
 * @throws {TypeError} At call time, if the name of a key is invalid.
 * @example
 * import { keyring } from 'rxwire';
 *
 * const keys = keyring({
 *   current: '2026-03',
 *   keys: { '2026-03': crypto.getRandomValues(new Uint8Array(32)) },
 * });
 * keys.add('2026-04', crypto.getRandomValues(new Uint8Array(32)));
 * keys.use('2026-04');
 * console.log(keys.current); // prints: 2026-04
 */
export const keyring: KeyringFactory = /* @__PURE__ */ Object.assign(createKeyring, { fromSecret });

function createKeyring(options: KeyringOptions): Keyring {
  const all = new Map<string, Uint8Array>();
  let { current } = options;

  const add: Keyring['add'] = (name, key) => {
    checkName(name);
    // If a name were reused, data that the first key has encrypted would look forged.
    if (all.has(name)) throw new TypeError(`keyring: the key ${name} exists already`);
    if (!(key instanceof Uint8Array) || key.length !== SIZE) throw new RangeError(`keyring: key ${name} must be ${SIZE} bytes`);
    // A copy that shares no memory with the given array, so that the caller may erase it.
    all.set(name, Uint8Array.from(key));
  };
  const use: Keyring['use'] = (name) => {
    if (!all.has(name)) throw new RangeError(`keyring: the key ${name} does not exist`);
    current = name;
  };

  for (const [name, key] of Object.entries(options.keys)) add(name, key);
  use(current);
  return {
    get current() {
      return current;
    },
    get: (name) => all.get(name),
    add,
    use,
    remove(name) {
      if (name === current) throw new RangeError(`keyring: the current key ${name} cannot be removed`);
      all.delete(name);
    },
  };
}

function fromSecret(text: string, { name = 'secret', salt, ...options }: FromSecretOptions = {}): Observable<Keyring> {
  checkName(name);
  if (!salt && text.length < MIN_SECRET)
    throw new RangeError(`keyring: a secret without a "salt" must have ${MIN_SECRET} characters and more, got ${text.length}`);
  return deriveKey(text, salt ?? utf8(SHARED_SALT), options).pipe(map((key) => createKeyring({ current: name, keys: { [name]: key } })));
}

/** @throws {TypeError} If it is not the name of a key. */
function checkName(name: string): void {
  if (!NAME_PATTERN.test(name)) throw new TypeError(`keyring: the name of a key must match ${NAME_PATTERN.source}`);
}

export interface DeriveKeyOptions {
  /** The number of hash iterations, the cost of a guess: 100,000 or more. @default 600_000 */
  readonly iterations?: number;
}

/** The minimum length of a salt in bytes. */
const MIN_SALT = 16;
const MIN_ITERATIONS = 100_000;

/**
 * Derives a key for a `keyring` from a passphrase, by PBKDF2 (RFC 8018) with HMAC-SHA-256, which
 * Node and browsers support. The passphrase is normalized to NFC and encoded as UTF-8. It takes
 * about a fifth of a second, asynchronously. The key is only as strong as the passphrase.
 *
 * @param salt At least 16 random bytes, not secret. Store it: only it gives the same key.
 * @throws {RangeError} At call time, if an argument is empty, too short or out of range.
 * @throws {UnsupportedError} At call time, in a page neither of HTTPS nor of localhost.
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
  checkOptions('deriveKey', options);
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
