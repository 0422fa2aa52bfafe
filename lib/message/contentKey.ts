import { toBase64 } from './bytes.js';
import { sha256 } from './sha256.js';
import type { Message } from './types.js';

/** The fields of a message that `contentKey` hashes. */
export type MessageContent = Pick<Message, 'id' | 'type' | 'correlationId' | 'payload'>;

/**
 * Returns the SHA-256 of `id`, `type`, `correlationId` and `payload` of a message, as 64
 * hexadecimal digits. As the `key` of `dedupe`, it drops a message only if its content is the same,
 * too.
 *
 * The order of the fields of an object does not matter, nor that of the entries of a Map or Set. A
 * field that is undefined counts as absent, as in JSON. Dates, bytes and bigints differ.
 *
 * @throws {RangeError} If the payload contains itself.
 * @example
 * import { of, toArray } from 'rxjs';
 * import { contentKey, createMessage, dedupe } from 'rxwire';
 *
 * const message = createMessage('chat.said', { room: 'lobby', text: 'hello' }, { id: 'm1' });
 * of(
 *   message,
 *   { ...message, payload: { text: 'hello', room: 'lobby' } },
 *   { ...message, payload: 'other' },
 * )
 *   .pipe(dedupe({ key: contentKey }), toArray())
 *   .subscribe((messages) => console.log(messages.length)); // prints: 2
 */
export function contentKey({ id, type, correlationId, payload }: MessageContent): string {
  const text = canonical([id, type, correlationId, payload]);
  return Array.from(sha256(new TextEncoder().encode(text)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Returns the same text for equal values, and different texts for different ones. */
function canonical(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return isAbsent(value) ? 'null' : String(value);
  if (Array.isArray(value)) return `[${Array.from(value, canonical).join()}]`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (ArrayBuffer.isView(value)) return `bytes(${toBase64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))})`;
  if (value instanceof ArrayBuffer) return `bytes(${toBase64(new Uint8Array(value))})`;
  if (value instanceof Map) return `Map{${sorted(Array.from(value as Map<unknown, unknown>, pair))}}`;
  if (value instanceof Set) return `Set{${sorted(Array.from(value as Set<unknown>, canonical))}}`;
  return `{${sorted(Object.entries(value).flatMap((entry) => (isAbsent(entry[1]) ? [] : pair(entry))))}}`;
}

const pair = ([key, value]: readonly [unknown, unknown]): string => `${canonical(key)}:${canonical(value)}`;

const sorted = (texts: readonly string[]): string => [...texts].sort().join();

/** Returns whether JSON leaves the value out of an object. */
const isAbsent = (value: unknown): boolean => value === undefined || typeof value === 'function' || typeof value === 'symbol';
