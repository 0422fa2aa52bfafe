import { concatBytes } from '../../../lib/message/bytes.js';
import { FrameTooLargeError, ProtocolError } from '../../../lib/message/errors.js';
import { decodeRecords, encodeRecord, type Item } from '../../../lib/io/http/recordFormat.js';
import { mutations } from '../../codec/mutations.js';

const LIMIT = 1024 * 1024;

describe('the records of a body', () => {
  const items: readonly Item[] = [
    '',
    'text',
    '\0\r\n\u2028é€😀',
    '\ufeff',
    new Uint8Array(),
    Uint8Array.of(0, 255),
    { code: 4_409, reason: 'an öther' },
  ];

  it('are read as they were written', () => {
    expect(decodeRecords(concatBytes(items.map(encodeRecord)), LIMIT)).toEqual(items);
    expect(decodeRecords(new Uint8Array(), LIMIT)).toEqual([]);
  });

  it('are those of docs/protocol.md', () => {
    expect([...encodeRecord('é')]).toEqual([0, 0, 0, 0, 2, 0xc3, 0xa9]);
    expect([...encodeRecord(Uint8Array.of(7))]).toEqual([1, 0, 0, 0, 1, 7]);
    expect([...encodeRecord({ code: 1_000, reason: 'x' })]).toEqual([2, 0, 0, 0, 3, 0x03, 0xe8, 0x78]);
  });

  it.each([
    ['half a header', [0, 0, 0]],
    ['half a frame', [1, 0, 0, 0, 2, 7]],
    ['another kind', [3, 0, 0, 0, 0]],
    ['text that is not UTF-8', [0, 0, 0, 0, 1, 0xff]],
    ['an ending without a code', [2, 0, 0, 0, 1, 3]],
  ])('refuse %s', (_, bytes) => {
    expect(() => decodeRecords(Uint8Array.from(bytes), LIMIT)).toThrow(ProtocolError);
  });

  it('refuse a frame that is too large, before it is there', () => {
    const huge = Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff);
    expect(() => decodeRecords(huge, LIMIT)).toThrow(new FrameTooLargeError(2 ** 32 - 1, LIMIT));
    expect(() => decodeRecords(concatBytes([encodeRecord('x'.repeat(101))]), 100)).toThrow(new FrameTooLargeError(101, 100));
  });

  it('are read or refused after random damage: 5,000 bodies', () => {
    let refused = 0;
    for (const body of mutations([concatBytes(items.map(encodeRecord)), encodeRecord('["hello",{}]')], 5_000)) {
      try {
        const read = decodeRecords(body as Uint8Array, LIMIT);
        expect(decodeRecords(concatBytes(read.map(encodeRecord)), LIMIT)).toEqual(read);
      } catch (error) {
        expect((error as Error).constructor.name).toMatch(/^(ProtocolError|FrameTooLargeError)$/);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
  });
});
