import { chain, type Later } from '../../internal/later.js';
import type { Keyring } from '../keyring.js';
import { NONCE, type Cipher } from './cipher.js';
import { textOf } from '../text.js';
import { contentOf, pack, TEXT, unpack, utf8, type Sealed } from './format.js';
import { createSafes } from './safes.js';

/** What may be known of a payload by whoever cannot read it, and may not be changed. */
export interface Labelled {
  readonly id: string;
  readonly type: string;
}

export interface PayloadSealOptions {
  readonly keys: Keyring;
  /** Names what makes bytes of payloads. */
  readonly codec: string;
  /** Payloads that are sealed with one key. @default 2^31 */
  readonly perKey?: number;
}

/** Bytes that are drawn for each key. */
const SALT = 16;

const randomBytes = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size));
const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Seals payloads one by one. Each who seals has a key of its own, and another one before there are too many nonces for it. */
export function createPayloadSeal(cipher: Cipher, { keys, codec, perKey = 2 ** 31 }: PayloadSealOptions) {
  const safes = createSafes(cipher);
  let salt = randomBytes(SALT);
  let sealed = 0;

  const safeOf = (secret: Uint8Array, key: string, salted: Uint8Array) => safes(secret, `rxwire payload 1 ${key} ${hex(salted)}`);
  const labelOf = ({ kind, key }: Omit<Sealed, 'body'>, { id, type }: Labelled): Uint8Array =>
    utf8(`rxwire payload 1 ${kind} ${key} ${codec} ${type} ${id}`);

  return {
    seal: (frame: string | Uint8Array, labelled: Labelled): Later<Uint8Array> => {
      if (sealed++ === perKey) [salt, sealed] = [randomBytes(SALT), 1];
      const [key, mine] = [keys.current, salt];
      const { kind, content } = contentOf(frame);
      const head = { kind, key, nonce: randomBytes(NONCE) };
      return chain(safeOf(keys.get(key) as Uint8Array, key, mine), (safe) =>
        chain(safe.seal(head.nonce, labelOf(head, labelled), content), (body) => pack(head, [mine, ...body])),
      );
    },
    /** @throws What `refused` makes of the reason, or what the cipher says; also delivered. */
    open: (bytes: Uint8Array, labelled: Labelled, refused: (reason: string) => Error): Later<string | Uint8Array> => {
      const head = unpack(bytes, refused);
      const { kind, key, nonce, body } = head;
      const secret = keys.get(key);
      if (!secret) throw refused('a key that is not in the keyring');
      return chain(safeOf(secret, key, body.subarray(0, SALT)), (safe) =>
        chain(safe.open(nonce, labelOf(head, labelled), body.subarray(SALT)), (content) =>
          kind === TEXT ? textOf(content, codec) : content,
        ),
      );
    },
  };
}
