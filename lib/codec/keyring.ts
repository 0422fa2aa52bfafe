import { NAME_PATTERN } from '../message/limits.js';

export interface KeyringOptions {
  /** Names the key that encrypts. */
  readonly current: string;
  /** All keys, by name, each 32 random bytes: what was encrypted with any of them can be read. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
}

/** Keys by name, which may change while they are in use. */
export interface Keyring {
  /** Names the key that encrypts. */
  readonly current: string;
  /** The key of that name. */
  get(name: string): Uint8Array | undefined;
  /**
   * From now on, what was encrypted with this one can be read, too.
   *
   * @throws {RangeError} When it has not 32 bytes.
   * @throws {TypeError} When the name is none, or that of another key.
   */
  add(name: string, key: Uint8Array): void;
  /**
   * From now on, this one encrypts. The others are for reading only.
   *
   * @throws {RangeError} When there is no such key.
   */
  use(name: string): void;
  /**
   * What was encrypted with this one is refused from now on.
   *
   * @throws {RangeError} When it is the current one.
   */
  remove(name: string): void;
}

/** Bytes of a key. */
const SIZE = 32;

/**
 * Keys for `sealed` and `encryptPayload`. One encrypts, all decrypt; they are changed while they are in use: first `add` the new one wherever there is a
 * keyring, then `use` it everywhere, and `remove` the old one when nothing is left that it has encrypted.
 *
 * @throws {RangeError} At call time, if a key has not 32 bytes, or there is none of the name `current`.
 * @throws {TypeError} At call time, if a key's name is none.
 * @example
 * const keys = keyring({ current: '2026-03', keys: { '2026-03': crypto.getRandomValues(new Uint8Array(32)) } });
 * keys.add('2026-04', crypto.getRandomValues(new Uint8Array(32)));
 * keys.use('2026-04');
 * console.log(keys.current); // prints: 2026-04
 */
export function keyring(options: KeyringOptions): Keyring {
  const all = new Map<string, Uint8Array>();
  let { current } = options;

  const add: Keyring['add'] = (name, key) => {
    if (!NAME_PATTERN.test(name)) throw new TypeError(`keyring: the name of a key must match ${NAME_PATTERN.source}`);
    // Another key under a name that is taken would make what the first one has encrypted look forged.
    if (all.has(name)) throw new TypeError(`keyring: there is a key ${name} already`);
    if (!(key instanceof Uint8Array) || key.length !== SIZE) throw new RangeError(`keyring: key ${name} must be ${SIZE} bytes`);
    // A copy, and not a Buffer that shares its memory: whoever gave it may wipe theirs.
    all.set(name, Uint8Array.from(key));
  };
  const use: Keyring['use'] = (name) => {
    if (!all.has(name)) throw new RangeError(`keyring: there is no key ${name}`);
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
      if (name === current) throw new RangeError(`keyring: ${name} is in use`);
      all.delete(name);
    },
  };
}
