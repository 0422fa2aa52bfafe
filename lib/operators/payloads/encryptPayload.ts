import { identity, type MonoTypeOperatorFunction } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import type { Codec } from '../../codec/codec.js';
import { json } from '../../codec/json.js';
import type { Keyring } from '../../codec/keyring.js';
import { isEncryptedPayload, isMarkedEncrypted } from '../../codec/seal/encryptedPayload.js';
import { createPayloadSeal } from '../../codec/seal/seal.js';
import { platformCipher } from '../../codec/seal/cipher.js';
import { DecryptError } from '../../message/errors.js';
import { fromBase64, toBase64 } from '../../message/bytes.js';
import { attempt, chain, type MaybeAsync } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import { matcher } from '../routing/routeTable.js';
import { use, type UseOptions } from '../routing/use.js';

/** The options of both ends. */
export interface PayloadOptions extends UseOptions {
  /**
   * The codec that encodes a payload before encryption. It determines which values are possible.
   * Both ends need the same codec.
   * @default json()
   */
  readonly codec?: Codec;
}

export interface EncryptOptions extends PayloadOptions {
  /**
   * The messages to encrypt: by their types, or by a function. The others are passed on as they
   * are. A message whose `metadata.encrypted` is set is encrypted in any case.
   * @default all messages
   */
  readonly when?: EncryptWhen;
}

/**
 * Selects messages: one or more patterns of their types, or a function that returns whether to
 * encrypt a message. Patterns are those of `route`; in addition, one may start with `**.`, which
 * stands for any number of segments, also for none: `'**.sensitive'`.
 */
export type EncryptWhen = string | RegExp | readonly (string | RegExp)[] | ((message: Message) => boolean);

/**
 * Encrypts the payload of each message, or of those that `when` selects, with AES-256-GCM, end to
 * end: servers and brokers in between route messages that they cannot read. The payload becomes a
 * text, and `metadata.encrypted` is set. `id`, `type` and `timestamp` stay readable and are
 * authenticated. All other fields are neither encrypted nor authenticated.
 *
 *     source                    -a-b-|
 *     encryptPayload(keys)      -A-B-|
 *
 * A message that cannot be encrypted is dropped, and is an error of the stream unless there is an
 * `onError`: nothing is sent in plain text. The same applies when `when` throws. A message that is
 * encrypted already is passed on as it is. Order is kept: no message overtakes another.
 *
 * @param keys May change during use.
 * @throws {RangeError} At call time, if `maxWaiting` is out of range, or a pattern is invalid.
 * @throws {UnsupportedError} At call time, in a page neither of HTTPS nor of localhost.
 * @throws {EncodeError} Delivered, for a payload that the codec does not support.
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, decryptPayload, encryptPayload, keyring } from 'rxwire';
 *
 * const keys = keyring({
 *   current: 'k1',
 *   keys: { k1: crypto.getRandomValues(new Uint8Array(32)) },
 * });
 * of(createMessage('chat.said', 'hello'))
 *   .pipe(encryptPayload(keys), decryptPayload(keys))
 *   .subscribe(({ payload }) => console.log(payload)); // prints: hello
 */
export function encryptPayload(keys: Keyring, options: EncryptOptions = {}): MonoTypeOperatorFunction<Message> {
  checkOptions('encryptPayload', options);
  const { codec = json(), when, onError = rethrow, ...rest } = options;
  const isSelected = createSelector(when);
  const { seal } = createPayloadSeal(platformCipher('encryptPayload'), keys, codec.name);

  const encrypt = (message: Message): MaybeAsync<Message> | undefined => {
    const { id, type, timestamp, version, payload, metadata } = message;
    if (isMarkedEncrypted(message) ? isEncryptedPayload(payload) : !isSelected(message)) return undefined;
    const frame = codec.encode([{ id, type, timestamp, version, source: '', payload }]);
    const sealed = chain(frame, (content) => seal(content, message));
    return chain(sealed, (bytes) => ({ ...message, payload: toBase64(bytes), metadata: { ...metadata, encrypted: true } }));
  };
  return use(encrypt, { ...rest, onError });
}

function createSelector(when: EncryptWhen | undefined): (message: Message) => boolean {
  if (when === undefined) return () => true;
  if (typeof when === 'function') return when;
  const matchers = [when].flat<unknown>().map((pattern) => typeMatcher(pattern as string | RegExp));
  return ({ type }) => matchers.some((matches) => matches(type));
}

/** The wildcard for any number of segments at the start of a pattern. */
const ANY_START = '**.';

function typeMatcher(pattern: string | RegExp): (type: string) => boolean {
  if (typeof pattern !== 'string' || !pattern.startsWith(ANY_START)) return matcher('encryptPayload', pattern);
  const matches = matcher('encryptPayload', pattern.slice(ANY_START.length));
  return (type) => {
    // Tries each end of the type that begins with a whole segment.
    for (let start = 0; start >= 0; start = type.indexOf('.', start) + 1 || -1) if (matches(type.slice(start))) return true;
    return false;
  };
}

function rethrow(error: unknown): never {
  throw error;
}

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
 * @throws {UnsupportedError} At call time, in a page neither of HTTPS nor of localhost.
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
 * of(createMessage('chat.said', { text: 'in plain text' }))
 *   .pipe(
 *     decryptPayload(keys, { onError: (error) => console.log((error as DecryptError).reason) }),
 *   ) // prints: it is not encrypted
 *   .subscribe(console.log);
 */
export function decryptPayload(keys: Keyring, options: DecryptOptions = {}): MonoTypeOperatorFunction<Message> {
  checkOptions('decryptPayload', options);
  const { codec = json(), plain = 'refuse', ...rest } = options;
  const { open } = createPayloadSeal(platformCipher('decryptPayload'), keys, codec.name);

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
  }, rest);
}
