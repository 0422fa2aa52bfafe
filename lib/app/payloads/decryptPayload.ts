import { identity, type MonoTypeOperatorFunction } from 'rxjs';
import { json } from '../../codec/json.js';
import type { Keyring } from '../../codec/keyring.js';
import { createPayloadSeal } from '../../codec/seal/payloadSeal.js';
import { platformCipher } from '../../codec/seal/derivedKeys.js';
import { DecryptError } from '../../errors.js';
import { fromBase64 } from '../../internal/base64.js';
import { attempt, chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { PayloadOptions } from './encryptPayload.js';
import { use } from '../routing/use.js';

export interface DecryptOptions extends PayloadOptions {
  /**
   * Whether messages that are not encrypted are refused or passed on. An intermediary can forge
   * such messages.
   * @default 'refuse'
   */
  readonly plain?: 'refuse' | 'pass';
}

/**
 * Decrypts payloads that `encryptPayload` has encrypted.
 *
 *     source                    -A-b-C-|
 *     decryptPayload(keys)      -a---c-|
 *
 * A message is refused if it is in plain text, forged, encrypted for another `id`, `type` or codec,
 * or encrypted with a key that is not in the keyring. As with `use`, it is reported to `onError`
 * and in `errors$` of its wire, and becomes a dead letter of its wire. The stream continues. Where
 * no wire delivers the message, it ends the stream unless there is an `onError`. Order is kept.
 *
 * A message that an intermediary sends again is a duplicate with the same `id`: use `dedupe`.
 *
 * @param keys May change during use.
 * @throws {RangeError} At call time, if `maxWaiting` is out of range.
 * @throws {UnsupportedError} At call time, in a page that was loaded neither by HTTPS nor from
 *   localhost.
 * @throws {DecryptError} Delivered, when no wire delivers the message, and there is no `onError`.
 * @throws The error of `onError`, delivered.
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, DecryptError, decryptPayload, keyring } from 'rxwire';
 *
 * const keys = keyring({
 *   current: 'k1',
 *   keys: { k1: crypto.getRandomValues(new Uint8Array(32)) },
 * });
 * of(createMessage('chat.said', 'in plain text'))
 *   .pipe(
 *     decryptPayload(keys, { onError: (error) => console.log((error as DecryptError).reason) }),
 *   ) // prints: it is not encrypted
 *   .subscribe(console.log);
 */
export function decryptPayload(keys: Keyring, options: DecryptOptions = {}): MonoTypeOperatorFunction<Message> {
  const { codec = json(), plain = 'refuse' } = options;
  const { open } = createPayloadSeal(platformCipher('decryptPayload'), { keys, codec: codec.name });

  const read = (frame: string | Uint8Array, message: Message): MaybeAsync<Message> =>
    chain(codec.decode(frame), ([decoded]) => {
      const { timestamp, payload } = decoded as Message;
      return { ...message, timestamp, payload, metadata: { ...message.metadata, encrypted: false } };
    });
  return use((message) => {
    const { id, type, payload } = message;
    const refused = (reason: string, cause?: unknown): DecryptError => new DecryptError(id, type, reason, cause);
    if (!message.metadata?.encrypted) {
      if (plain === 'pass') return undefined;
      throw refused('it is not encrypted');
    }
    const decrypt = (): MaybeAsync<Message> =>
      chain(open(fromBase64(payload as string), message, refused), (frame) => read(frame, message));
    return attempt(decrypt, identity, (cause) => {
      throw cause instanceof DecryptError ? cause : refused('it is forged, or of another message', cause);
    });
  }, options);
}
