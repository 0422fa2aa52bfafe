import { identity, type MonoTypeOperatorFunction } from 'rxjs';
import { json } from '../../codec/json.js';
import type { Keyring } from '../../codec/keyring.js';
import { createPayloadSeal } from '../../codec/seal/payloadSeal.js';
import { cipherHere } from '../../codec/seal/safes.js';
import { DecryptError } from '../../errors.js';
import { fromBase64 } from '../../internal/base64.js';
import { attempt, chain, type Later } from '../../internal/later.js';
import type { Message } from '../../message/types.js';
import type { EncryptOptions } from './encryptPayload.js';
import { use } from '../routing/use.js';

export interface DecryptOptions extends EncryptOptions {
  /** What becomes of messages that are not encrypted: whoever is in between can make such. @default 'refuse' */
  readonly plain?: 'refuse' | 'pass';
}

/**
 * Decrypts what `encryptPayload` has encrypted.
 *
 *     source                    -A-b-C-|
 *     decryptPayload(keys)      -a---c-|
 *
 * What is in plain text, forged, was encrypted for another `id`, `type` or codec, or with a key that is not in the keyring, goes no further, as with `use`: it is told to
 * `onError`, it comes in `errors$` of the wire that has handed it over, and it is a dead letter of its session. The stream goes on. Order is kept.
 *
 * A message that is sent once more by whoever is in between is the same message again: `dedupe` knows it by its `id`.
 *
 * @param keys May change while they are in use.
 * @throws {RangeError} At call time, if `maxWaiting` is out of range.
 * @throws {UnsupportedError} At call time, in a page that came neither by HTTPS nor from this machine.
 * @throws What `onError` throws, delivered.
 * @example
 * const keys = keyring({ current: 'k1', keys: { k1: crypto.getRandomValues(new Uint8Array(32)) } });
 * of(createMessage('chat.said', 'in plain text'))
 *   .pipe(decryptPayload(keys, { onError: ({ error }) => console.log((error as DecryptError).reason) })) // prints: not encrypted
 *   .subscribe(draw);
 */
export function decryptPayload(keys: Keyring, options: DecryptOptions = {}): MonoTypeOperatorFunction<Message> {
  const { codec = json(), plain = 'refuse' } = options;
  const { open } = createPayloadSeal(cipherHere('decryptPayload'), { keys, codec: codec.name });

  const read = (frame: string | Uint8Array, message: Message): Message => {
    const { timestamp, payload } = codec.decode(frame)[0] as Message;
    return { ...message, timestamp, payload, metadata: { ...message.metadata, encrypted: false } };
  };
  return use((message) => {
    const { id, type, payload } = message;
    const refused = (reason: string, cause?: unknown): DecryptError => new DecryptError(id, type, reason, cause);
    if (!message.metadata?.encrypted) {
      if (plain === 'pass') return undefined;
      throw refused('not encrypted');
    }
    const decrypt = (): Later<Message> => chain(open(fromBase64(payload as string), message, refused), (frame) => read(frame, message));
    return attempt(decrypt, identity, (cause) => {
      throw cause instanceof DecryptError ? cause : refused('forged, or of another message', cause);
    });
  }, options);
}
