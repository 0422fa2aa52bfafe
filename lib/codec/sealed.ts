import { identity } from 'rxjs';
import { DecodeError, EncodeError } from '../errors.js';
import { attempt, chain, type Later } from '../internal/later.js';
import type { BatchContext, Codec } from './codec.js';
import type { Keyring } from './keyring.js';
import { NONCE, type Cipher, type Safe } from './seal/cipher.js';
import { contentOf, pack, TEXT, unpack, utf8, type Sealed } from './seal/format.js';
import { cipherHere, createSafes } from './seal/safes.js';
import { textOf } from './text.js';

/**
 * Encrypts and authenticates what another codec makes, a batch at a time, by AES-256-GCM: with Node's own cipher, or with that of the browser. To compress,
 * do it within: `sealed(gzipped(msgpack()), keys)`; then lengths tell something of what is said.
 *
 * Each batch is bound to its place: to the codec, to the direction, to the client's outbox (`pid`) and to its numbers; so it needs a session, and is refused
 * over envelopes. What is forged, was sealed for another place or with a key that is not in the keyring is dropped, and the connection closed.
 *
 * @param keys Those of both sides. May change while they are in use.
 * @throws {UnsupportedError} At call time, where there is no cipher: in a page that came neither by HTTPS nor from this machine.
 * @example
 * const keys = keyring({ current: 'k1', keys: { k1: crypto.getRandomValues(new Uint8Array(32)) } });
 * const safe = connect({ link: webSocket('ws://127.0.0.1:4870/wire'), codec: sealed(msgpack(), keys) });
 */
export function sealed(codec: Codec, keys: Keyring): Codec {
  return sealedBy(cipherHere('sealed'), codec, keys);
}

const randomNonce = (): Uint8Array => crypto.getRandomValues(new Uint8Array(NONCE));

/** The same, by the one or the other. */
export function sealedBy(cipher: Cipher, codec: Codec, keys: Keyring, nonceOf = randomNonce): Codec {
  const name = `${codec.name}+aes-256-gcm`;
  const { seal, open } = createSealing(cipher, { name, binary: codec.binary, keys, nonceOf });

  return {
    name,
    binary: true,
    isSealed: true,
    encode(batch, context) {
      if (!context) throw new EncodeError(name, NO_SESSION);
      return chain(codec.encode(batch, context), (frame) => seal(frame, context));
    },
    decode(frame, context) {
      if (!context) throw new DecodeError(name, NO_SESSION);
      return chain(open(frame, context), (content) => codec.decode(content, context));
    },
  };
}

const NO_SESSION = 'only for batches of a session';
/** So many numbers have a key of their own: fewer than the nonces, drawn at random, that a key can have. */
const PER_KEY = 2 ** 31;

interface SealingOptions extends Pick<Codec, 'name' | 'binary'> {
  readonly keys: Keyring;
  readonly nonceOf: () => Uint8Array;
}

function createSealing(cipher: Cipher, { name, binary, keys, nonceOf }: SealingOptions) {
  const safes = createSafes(cipher);
  const safeOf = (secret: Uint8Array, key: string, { direction, pid, first }: BatchContext): Later<Safe> =>
    safes(secret, `rxwire sealed 1 ${key} ${direction} ${pid} ${Math.floor(first / PER_KEY)}`);
  const labelOf = ({ kind, key }: Omit<Sealed, 'body'>, { direction, pid, first, count }: BatchContext): Uint8Array =>
    utf8(`rxwire sealed 1 ${kind} ${key} ${direction} ${pid} ${first} ${count} ${name}`);
  const refused = (reason: string, cause?: unknown): DecodeError => new DecodeError(name, `cannot open: ${reason}`, cause);
  const forged = (cause: unknown): never => {
    throw refused('forged, or of another place', cause);
  };

  return {
    seal: (frame: string | Uint8Array, context: BatchContext): Later<Uint8Array> => {
      const { kind, content } = contentOf(frame);
      const head = { kind, key: keys.current, nonce: nonceOf() };
      return chain(safeOf(keys.get(head.key) as Uint8Array, head.key, context), (safe) =>
        chain(safe.seal(head.nonce, labelOf(head, context), content), (body) => pack(head, body)),
      );
    },
    /** @throws {DecodeError} Also delivered. */
    open: (frame: string | Uint8Array, context: BatchContext): Later<string | Uint8Array> => {
      const sealed = unpack(frame, refused);
      const { kind, key, nonce, body } = sealed;
      if (binary === (kind === TEXT)) throw refused('another kind of frame within');
      const secret = keys.get(key);
      if (!secret) throw refused('a key that is not in the keyring');
      return chain(safeOf(secret, key, context), (safe) =>
        chain(
          attempt(() => safe.open(nonce, labelOf(sealed, context), body), identity, forged),
          (content) => (kind === TEXT ? textOf(content, name) : content),
        ),
      );
    },
  };
}
