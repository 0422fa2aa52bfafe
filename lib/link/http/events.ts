import { createParser } from 'eventsource-parser';
import { FrameTooLargeError, ProtocolError } from '../../errors.js';
import { fromBase64, toBase64 } from '../../internal/base64.js';
import { asEnding, type Ending, type Item } from './records.js';

/** What would end a line, or the whole stream for some readers. */
const UNSAFE = /[\r\n\0]/;

/** A frame, or an ending, as an event. Bytes, and text that does not fit into one line, travel as base64. */
export function toEvent(item: Item): string {
  if (typeof item === 'string') return UNSAFE.test(item) ? event('text', toBase64(new TextEncoder().encode(item))) : event('', item);
  return item instanceof Uint8Array ? event('bytes', toBase64(item)) : event('end', JSON.stringify(item));
}

/** What keeps a stream alive, and is no event. */
export const COMMENT = ':\n\n';

/** @throws {ProtocolError} When a field would not stay what it is. */
export function event(name: string, data: string): string {
  if (UNSAFE.test(name + data)) throw new ProtocolError('CR, LF or NUL in a field of an event');
  return `${name && `event: ${name}\n`}data: ${data}\n\n`;
}

/**
 * Reads a stream of events, piece by piece: what one piece completes.
 *
 * @param maxSize Characters that an event may have.
 */
export function createEventReader(maxSize: number): (piece: Uint8Array) => readonly Item[] {
  const text = new TextDecoder('utf-8', { fatal: true });
  let items: Item[] = [];
  let failure: unknown;
  const parser = createParser({
    maxBufferSize: maxSize,
    onEvent: ({ event: name, data }) => {
      const item = itemOf(name, data);
      if (item !== undefined) items.push(item);
    },
    onError: ({ type }) => {
      // What is not known is to be ignored.
      if (type === 'max-buffer-size-exceeded') failure = new FrameTooLargeError(maxSize + 1, maxSize);
    },
  });
  return (piece) => {
    items = [];
    parser.feed(text.decode(piece, { stream: true }));
    if (failure) throw failure as Error;
    return items;
  };
}

function itemOf(name: string | undefined, data: string): Item | undefined {
  if (name === undefined) return data;
  if (name === 'bytes') return fromBase64(data);
  if (name === 'text') return new TextDecoder().decode(fromBase64(data));
  return name === 'end' ? endingOf(JSON.parse(data)) : undefined;
}

function endingOf(value: unknown): Ending {
  const { code, reason } = Object(value) as { readonly [K in keyof Ending]?: unknown };
  return asEnding(code, reason);
}
