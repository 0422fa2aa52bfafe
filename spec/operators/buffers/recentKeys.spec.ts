import { VirtualTimeScheduler } from 'rxjs';
import { createRecentKeys } from '../../../lib/operators/buffers/recentKeys.js';

describe('recentKeys', () => {
  const setUp = (options: { ttl?: number; maxSize?: number } = {}) => {
    const scheduler = new VirtualTimeScheduler();
    const recent = createRecentKeys({ ttl: 100, maxSize: 3, scheduler, ...options });
    return { scheduler, recent, see: (...keys: unknown[]) => keys.map((key) => recent.seen(key)) };
  };

  it('forgets a key exactly ttl after it was first seen, repeats or not', () => {
    const { scheduler, see } = setUp();
    const at = (time: number): boolean => {
      scheduler.frame = time;
      return see('a')[0]!;
    };
    expect([at(0), at(99), at(100), at(199), at(200)]).toEqual([false, true, false, true, false]);
  });

  it('can be queried without adding the key', () => {
    const { scheduler, recent, see } = setUp();
    expect(recent.has('a')).toBe(false);
    expect(see('a')).toEqual([false]);
    scheduler.frame = 99;
    expect(recent.has('a')).toBe(true);
    scheduler.frame = 100;
    expect(recent.has('a')).toBe(false);
    expect(see('a')).toEqual([false]);
  });

  it('remembers exactly maxSize keys, the oldest leaving first', () => {
    const { see } = setUp();
    expect(see('a', 'b', 'c', 'a', 'b', 'c')).toEqual([false, false, false, true, true, true]);
    expect(see('d', 'b', 'c', 'd')).toEqual([false, true, true, true]);
    expect(see('a')).toEqual([false]);
  });

  it('is an exact first-in, first-out memory for any input', () => {
    const { scheduler, see } = setUp({ ttl: 50, maxSize: 20 });
    let random = 1;
    let naive: { key: number; at: number }[] = [];
    for (let step = 0; step < 20_000; step++) {
      random = (random * 48_271) % 2_147_483_647;
      scheduler.frame += random % 5;
      const key = random % 37;
      naive = naive.filter(({ at }) => scheduler.now() - at < 50);
      const expected = naive.some((entry) => entry.key === key);
      if (!expected) naive = [...naive, { key, at: scheduler.now() }].slice(-20);
      expect(see(key)).toEqual([expected]);
    }
  });

  it('takes undefined and NaN as keys like any other', () => {
    const { see } = setUp();
    expect(see(undefined, undefined, NaN, NaN)).toEqual([false, true, false, true]);
  });

  it('remembers no key for longer than ttl after the clock was set back', () => {
    const { scheduler, see } = setUp();
    scheduler.frame = 1_000_000;
    see('before');
    scheduler.frame = 0;
    expect(see('before', 'after')).toEqual([true, false]);
    scheduler.frame = 100;
    expect(see('before', 'after')).toEqual([false, false]);
  });
});
