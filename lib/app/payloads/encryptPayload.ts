import type { MonoTypeOperatorFunction } from 'rxjs';
import type { PlainCodec } from '../../codec/codec.js';
import { json } from '../../codec/json.js';
import type { Keyring } from '../../codec/keyring.js';
import { createPayloadSeal } from '../../codec/seal/payloadSeal.js';
import { platformCipher } from '../../codec/seal/derivedKeys.js';
import { EncodeError } from '../../errors.js';
import { toBase64 } from '../../internal/base64.js';
import { chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';
import { use } from '../routing/use.js';
import type { UseOptions } from '../routing/useOptions.js';

export interface EncryptOptions extends UseOptions {
  /**
   * The codec that encodes a payload before encryption. It determines which values are possible. Both ends need the same codec. @default
   * json()
   */
  readonly codec?: PlainCodec;
}

/**
 * Encrypts the payload of each message with AES-256-GCM, end to end: servers and brokers in between route messages that they cannot read.
 * The payload becomes a text, and
 * `metadata.encrypted` is set. `id`, `type` and `timestamp` stay readable and are authenticated. All other fields are neither encrypted nor authenticated.
 *
 *     source                    -a-b-|
 *     encryptPayload(keys)      -A-B-|
 *
 * A message that cannot be encrypted is dropped, and is an error of the stream unless there is an `onError`: nothing is sent in plain text.
 * Order is kept.
 *
 * @param keys May change during use.
 * @throws {RangeError} At call time, if `maxWaiting` is out of range.
 * @throws {UnsupportedError} At call time, in a page that was loaded neither by HTTPS nor from localhost.
 * @throws {EncodeError} Delivered, for a payload that the codec does not support, or that is already encrypted.
 * @example
 * const keys = keyring({ current: 'k1', keys: { k1: crypto.getRandomValues(new Uint8Array(32)) } });
 * of(createMessage('chat.said', 'hello'))
 *   .pipe(encryptPayload(keys), decryptPayload(keys))
 *   .subscribe(({ payload }) => console.log(payload)); // prints: hello
 */
export function encryptPayload(keys: Keyring, options: EncryptOptions = {}): MonoTypeOperatorFunction<Message> {
  const { codec = json(), onError = rethrow } = options;
  const cipher = platformCipher('encryptPayload');
  const { seal } = createPayloadSeal(cipher, { keys, codec: codec.name });

  const encrypt = (message: Message): MaybeAsync<Message> => {
    const { id, type, timestamp, version, payload, metadata } = message;
    if (metadata?.encrypted) throw new EncodeError('encryptPayload', `${id} is already encrypted`);
    const frame = codec.encode([{ id, type, timestamp, version, source: '', payload }]);
    return chain(seal(frame, message), (sealed) => ({
      ...message,
      payload: toBase64(sealed),
      metadata: { ...metadata, encrypted: true },
    }));
  };
  return use(encrypt, { ...options, onError });
}

function rethrow(error: unknown): never {
  throw error;
}
