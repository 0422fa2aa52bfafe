import fc from 'fast-check';
import { editDistance } from '../../lib/message/editDistance.js';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['said', 'said', 0],
    ['siad', 'said', 1],
    ['sad', 'said', 1],
    ['saidd', 'said', 1],
    ['sbid', 'said', 1],
    ['dias', 'said', 3],
    ['ca', 'abc', 3],
  ])('of %j and %j is %d', (one, other, distance) => {
    expect([editDistance(one, other), editDistance(other, one)]).toEqual([distance, distance]);
  });

  it('is at most the longer length, at least the difference of the lengths, and 0 for equal texts only', () => {
    const text = fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'b', 'c') });
    fc.assert(
      fc.property(text, text, (one, other) => {
        const distance = editDistance(one, other);
        expect(distance).toBeLessThanOrEqual(Math.max(one.length, other.length));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(one.length - other.length));
        expect(distance === 0).toBe(one === other);
      }),
    );
  });
});
