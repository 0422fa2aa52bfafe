import type { Message } from '../../message/types.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';
import { NONCE, TAG } from './cipher.js';
import { BYTES, HEADER_SIZE, SALT, VERSION } from './seal.js';

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The base64 characters of the longest header: 132 bytes hold the name of any key. */
const HEADER_CHARACTERS = 176;

/**
 * Returns whether a message says that it is encrypted: whether `metadata.encrypted` is set. As the
 * option `when` of `encryptPayload`, it selects the messages that the application has marked.
 *
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, encryptPayload, isMarkedEncrypted, keyring } from 'rxwire';
 *
 * const keys = keyring({
 *   current: 'k1',
 *   keys: { k1: crypto.getRandomValues(new Uint8Array(32)) },
 * });
 * of(
 *   createMessage('card.added', '4711', { metadata: { encrypted: true } }),
 *   createMessage('chat.said', 'hello'),
 * )
 *   .pipe(encryptPayload(keys, { when: isMarkedEncrypted }))
 *   .subscribe(({ type, payload }) => console.log(type, payload === 'hello'));
 * // prints: card.added false
 * // prints: chat.said true
 */
export function isMarkedEncrypted({ metadata }: Pick<Message, 'metadata'>): boolean {
  return metadata !== undefined && !!metadata.encrypted;
}

/** Returns whether a message is marked as encrypted, and `encryptPayload` has not encrypted it. */
export function isUnencrypted(message: Pick<Message, 'metadata' | 'payload'>): boolean {
  return isMarkedEncrypted(message) && !isEncryptedPayload(message.payload);
}

/**
 * Returns whether a payload has the format of `encryptPayload`. It checks the format only: a wire
 * has no keys, and a message keeps its format when it is copied, stored or passed on.
 */
export function isEncryptedPayload(payload: unknown): boolean {
  if (typeof payload !== 'string' || payload.length % 4 > 0 || !BASE64.test(payload)) return false;
  const header = atob(payload.slice(0, HEADER_CHARACTERS));
  const keyLength = header.charCodeAt(2);
  const size = (payload.length / 4) * 3 - (payload.endsWith('==') ? 2 : payload.endsWith('=') ? 1 : 0);
  return (
    header.charCodeAt(0) === VERSION &&
    header.charCodeAt(1) <= BYTES &&
    size >= HEADER_SIZE + keyLength + NONCE + SALT + TAG &&
    NAME_PATTERN.test(header.slice(HEADER_SIZE, HEADER_SIZE + keyLength))
  );
}
