import { FrameTooLargeError } from '../../../lib/message/errors.js';
import { KEEPALIVE_COMMENT, createEventDecoder, formatEvent, encodeEvent } from '../../../lib/io/http/eventFormat.js';
import type { Item } from '../../../lib/io/http/recordFormat.js';
import { mutations } from '../../codec/mutations.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('frames as events', () => {
  const items: readonly Item[] = [
    '',
    ' two  spaces ',
    '["msg",1,1,{"a":"\u2028é€😀"}]',
    'event: end\ndata: {"code":1000}\n\n',
    '\r',
    '\0',
    'a\r\nb',
    new Uint8Array(),
    Uint8Array.of(0, 10, 13, 255),
    { code: 4_409, reason: 'one\r\n\r\ndata: two' },
  ];
  const stream = KEEPALIVE_COMMENT + items.map(encodeEvent).join(KEEPALIVE_COMMENT);

  it.each([1, 2, 3, 7, 1_000])('are read as they were written, in pieces of %d bytes', (size) => {
    const read = createEventDecoder(1_000);
    const all = bytes(stream);
    const found: Item[] = [];
    for (let at = 0; at < all.length; at += size) found.push(...read(all.subarray(at, at + size)));
    expect(found).toEqual(items);
  });

  it('are those of docs/protocol.md', () => {
    expect(encodeEvent('["ack",0,1]')).toBe('data: ["ack",0,1]\n\n');
    expect(encodeEvent(Uint8Array.of(1, 2))).toBe('event: bytes\ndata: AQI=\n\n');
    expect(encodeEvent('a\nb')).toBe('event: text\ndata: YQpi\n\n');
    expect(encodeEvent({ code: 1_001, reason: 'bye' })).toBe('event: end\ndata: {"code":1001,"reason":"bye"}\n\n');
  });

  it.each(['\r', '\n', '\0'])('CR, LF, NUL in SSE fields: %j is refused', (character) => {
    expect(() => formatEvent('', `a${character}b`)).toThrow('CR, LF or NUL');
    expect(() => formatEvent(`a${character}b`, '')).toThrow('CR, LF or NUL');
  });

  it('ignore unknown fields', () => {
    const read = createEventDecoder(1_000);
    expect(read(bytes('id: 7\nretry: 1\nfoo: bar\nevent: later\ndata: x\n\ndata: y\n\n'))).toEqual(['y']);
  });

  it('have a maximum length, in one line or in many', () => {
    expect(() => createEventDecoder(100)(bytes(`data: ${'x'.repeat(200)}`))).toThrow(FrameTooLargeError);
    const read = createEventDecoder(100);
    expect(() => {
      for (let line = 0; line < 200; line++) read(bytes('data: x\n'));
    }).toThrow(FrameTooLargeError);
  });

  it('are read or refused after random damage: 5,000 streams', () => {
    for (const frame of mutations([bytes(stream)], 5_000)) {
      const read = createEventDecoder(1_000);
      try {
        read(frame as Uint8Array);
      } catch (error) {
        expect(String(error)).toMatch(/^(RxwireError|TypeError|SyntaxError|InvalidCharacterError)/);
      }
    }
  });
});
