import { createParser } from 'eventsource-parser';
import { FrameTooLargeError, ProtocolError } from '../../message/errors.js';
import { fromBase64, toBase64 } from '../../message/bytes.js';
import { toEnding, type Ending, type Item } from './recordFormat.js';

/** Characters that end a line, or, for some parsers, the stream. */
const UNSAFE = /[\r\n\0]/;

/**
 * Encodes a frame or an ending as an event. Bytes, and text that does not fit into one line, are
 * encoded as base64.
 */
export function encodeEvent(item: Item): string {
  if (typeof item === 'string')
    return UNSAFE.test(item) ? formatEvent('text', toBase64(new TextEncoder().encode(item))) : formatEvent('', item);
  return item instanceof Uint8Array ? formatEvent('bytes', toBase64(item)) : formatEvent('end', JSON.stringify(item));
}

/** A comment, which keeps the stream alive. */
export const KEEPALIVE_COMMENT = ':\n\n';

/** @throws {ProtocolError} If a field would be altered. */
export function formatEvent(name: string, data: string): string {
  if (UNSAFE.test(name + data)) throw new ProtocolError('a field of an event contains CR, LF or NUL');
  return `${name && `event: ${name}\n`}data: ${data}\n\n`;
}

/**
 * Creates a function that decodes a stream of events chunk by chunk, and returns the items that
 * each chunk completes.
 *
 * @param maxSize The maximum number of characters in an event.
 */
export function createEventDecoder(maxSize: number): (chunk: Uint8Array) => readonly Item[] {
  const text = new TextDecoder('utf-8', { fatal: true });
  let items: Item[] = [];
  let failure: unknown;
  const parser = createParser({
    maxBufferSize: maxSize,
    onEvent: ({ event: name, data }) => {
      const item = decodeItem(name, data);
      if (item !== undefined) items.push(item);
    },
    onError: ({ type }) => {
      // Unknown fields are ignored.
      if (type === 'max-buffer-size-exceeded') failure = new FrameTooLargeError(maxSize + 1, maxSize);
    },
  });
  return (chunk) => {
    items = [];
    parser.feed(text.decode(chunk, { stream: true }));
    if (failure) throw failure as Error;
    return items;
  };
}

function decodeItem(name: string | undefined, data: string): Item | undefined {
  if (name === undefined) return data;
  if (name === 'bytes') return fromBase64(data);
  if (name === 'text') return new TextDecoder().decode(fromBase64(data));
  return name === 'end' ? decodeEnding(JSON.parse(data)) : undefined;
}

function decodeEnding(value: unknown): Ending {
  const { code, reason } = Object(value) as { readonly [K in keyof Ending]?: unknown };
  return toEnding(code, reason);
}
