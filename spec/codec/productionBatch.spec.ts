import fc from 'fast-check';
import { assertEncodable, type EncodableOptions } from '../../lib/codec/assertEncodable.js';
import { checkReceived, checkSent } from '../../lib/codec/productionBatch.js';
import { EncodeError, InvalidMessageError } from '../../lib/message/errors.js';
import { messages, sample } from './messages.js';

const OPTIONS: EncodableOptions = { codec: 'json', maxBatch: 4, maxDepth: 32, supports: () => false, Failure: EncodeError };
const valid = { id: 'a', type: 'a', timestamp: 0, version: '1.0', source: '', payload: null };
const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) });
const circular: unknown[] = [];
circular.push(circular);
const text = (check: typeof checkSent, value: unknown): string => {
  try {
    return JSON.stringify(check([value], OPTIONS));
  } catch (error) {
    if (error instanceof EncodeError || error instanceof InvalidMessageError) return error.code;
    throw error;
  }
};

describe('the checks of a bundle for production', () => {
  it('send the text that Node sends, of any message', () => {
    const payload = fc.jsonValue();
    fc.assert(fc.property(messages(payload), (message) => expect(text(checkSent, message)).toBe(text(assertEncodable, message))));
    expect(text(checkSent, sample())).toBe(text(assertEncodable, sample()));
  });

  it('refuse to send what Node refuses', () => {
    const anything = fc.anything({ withBigInt: true, withMap: true, withSet: true, withTypedArray: true });
    const nearly = fc.record(
      Object.fromEntries(Object.keys(sample()).map((field) => [field, fc.oneof(fc.constant(sample()[field as 'id']), anything)])),
    );
    const refused = (check: typeof checkSent, value: unknown): boolean => text(check, value).startsWith('ERR_');
    fc.assert(
      fc.property(fc.oneof(anything, nearly), (value) => expect(refused(checkSent, value) || !refused(assertEncodable, value)).toBe(true)),
      { numRuns: 3_000 },
    );
  });

  it.each<[string, unknown]>([
    ['a batch of one that is no object', 7],
    ['an empty id', { ...valid, id: '' }],
    ['a line in a type', { ...valid, type: 'a\n' }],
    ['no timestamp', { ...valid, timestamp: null }],
    ['a negative ttl', { ...valid, ttl: -1 }],
    ['priority 4', { ...valid, priority: 4 }],
    ['a list of headers', { ...valid, headers: [] }],
    ['a header above 8 KiB', { ...valid, headers: { a: 'x'.repeat(8_190) } }],
    ['headers above 16 KiB', { ...valid, headers: { a: 'x'.repeat(8_000), b: 'x'.repeat(8_000), c: 'x'.repeat(400) } }],
    ['headers of 33 levels', { ...valid, headers: deep(33) }],
    ['33 headers', { ...valid, headers: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`h${index}`, 1])) }],
    ['a header without a name', { ...valid, headers: { '': 1 } }],
    ['a persistent that is 1', { ...valid, metadata: { persistent: 1 } }],
    ['an empty routing key', { ...valid, metadata: { routingKey: '' } }],
    ['NaN in a payload', { ...valid, payload: [NaN] }],
    ['bytes in a payload', { ...valid, payload: { file: new Uint8Array(1) } }],
    ['33 levels', { ...valid, payload: deep(33) }],
    ['a circle', { ...valid, payload: circular }],
  ])('refuse to send %s', (_, value) => {
    expect(text(assertEncodable, value)).toMatch(/^ERR_/);
    expect(text(checkSent, value)).toBe(text(assertEncodable, value));
  });

  it('send what is at the limits', () => {
    for (const message of [
      { ...valid, headers: { a: 'x'.repeat(8_192 - '"a":""'.length), b: deep(30) }, metadata: { retryCount: null, routingKey: 'r' } },
      { ...valid, payload: deep(32) },
      { ...valid, type: 'channel.past', payload: deep(36) },
    ])
      expect(text(checkSent, message)).toContain('"id":"a"');
    expect(() => checkSent([valid, valid, valid, valid, valid], OPTIONS)).toThrow(EncodeError);
  });

  it('trust a server: they check that a message is one, and add what it leaves out', () => {
    expect(checkReceived([{ id: 'a', type: 'b', timestamp: 1, priority: 7, admin: true, target: null }], OPTIONS)).toEqual([
      { id: 'a', type: 'b', timestamp: 1, version: '1.0', source: '', payload: null, priority: 7 },
    ]);
    for (const value of [null, undefined, 'a', [], { id: 'a' }, { id: 1, type: 'a' }, { id: 'a', type: '' }])
      expect(() => checkReceived([value], OPTIONS)).toThrow(InvalidMessageError);
  });
});
