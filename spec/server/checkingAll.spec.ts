import { checkReceived, checkSent } from '../../lib/codec/productionBatch.js';
import type { Codec } from '../../lib/codec/codec.js';
import { json } from '../../lib/codec/json.js';
import { DecodeError, InvalidMessageError } from '../../lib/message/errors.js';
import { checkingAll } from '../../lib/server/checkingAll.js';

const RULES = { codec: 'json', maxBatch: 4, maxDepth: 32, supports: () => false, Failure: DecodeError };
/** `json()` as a bundle for production has it. */
const trusting: Codec = {
  ...json(),
  encode: (batch) => JSON.stringify(checkSent(batch, RULES)),
  decode: (frame) => checkReceived([JSON.parse(frame as string)].flat(), RULES),
};
const valid = { id: 'a', type: 'a', timestamp: 0 };
const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);

describe('checkingAll', () => {
  const codec = checkingAll(trusting, false);

  it('leaves a codec as it is that checks all itself, as on Node', () => {
    const own = json();
    expect(checkingAll(own)).toBe(own);
  });

  it('decodes what is valid', () => {
    expect(codec.decode(JSON.stringify([valid, { ...valid, payload: deep(32) }]))).toEqual(
      json().decode(JSON.stringify([valid, { ...valid, payload: deep(32) }])),
    );
  });

  it.each<[string, unknown, typeof DecodeError | typeof InvalidMessageError]>([
    ['a priority that is none', { ...valid, priority: 7 }, InvalidMessageError],
    ['a time before 1970', { ...valid, timestamp: -1 }, InvalidMessageError],
    ['headers above 16 KiB', { ...valid, headers: { a: 'x'.repeat(20_000) } }, InvalidMessageError],
    ['metadata of another kind', { ...valid, metadata: { encrypted: 'no' } }, InvalidMessageError],
    ['33 levels', { ...valid, payload: deep(33) }, DecodeError],
  ])('refuses %s, which a page would take from its server', (_, value, error) => {
    const frame = JSON.stringify(value);
    expect(trusting.decode(frame)).toHaveLength(1);
    expect(() => codec.decode(frame)).toThrow(error);
    expect(() => json().decode(frame)).toThrow(error);
  });
});
