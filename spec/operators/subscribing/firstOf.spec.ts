import { array, assert, boolean, integer, property, record } from 'fast-check';
import { firstOf } from '../../../lib/operators/subscribing/firstOf.js';

describe('firstOf', () => {
  it('finds the same entry as a new iterator', () => {
    const step = record({ key: integer({ min: 0, max: 5 }), remove: boolean(), look: boolean() });
    assert(
      property(array(step, { maxLength: 100 }), (steps) => {
        const map = new Map<number, { readonly key: number }>();
        const first = firstOf(map);
        for (const { key, remove, look } of steps) {
          if (remove) map.delete(key);
          else if (!map.has(key)) map.set(key, { key });
          if (look) expect(first()).toBe(map.values().next().value);
        }
      }),
    );
  });
});
