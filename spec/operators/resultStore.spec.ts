import { VirtualTimeScheduler, type SchedulerLike } from 'rxjs';
import { lmdbStore } from '../../lib/stores/lmdb/lmdbStore.js';
import { memoryResults, type ResultStore } from '../../lib/operators/buffers/resultStore.js';
import { folder } from '../stores/lmdb/folder.js';
import { ready } from '../support/outboxCases.js';
import { leaseOf } from '../support/inboxes.js';

interface Limits {
  readonly ttl?: number;
  readonly maxSize?: number;
  readonly scheduler: SchedulerLike;
}

const stores: readonly (readonly [string, (limits: Limits) => ResultStore])[] = [
  ['memoryResults', memoryResults],
  [
    'the results of lmdbStore',
    ({ ttl = 300_000, maxSize = 10_000, scheduler }) =>
      lmdbStore({ path: folder(), resultTtl: ttl, maxResults: maxSize, scheduler }).results,
  ],
];

describe.each(stores)('%s', (_, makeStore) => {
  const start = (limits: Omit<Limits, 'scheduler'> = {}) => {
    const scheduler = new VirtualTimeScheduler();
    const results = makeStore({ ...limits, scheduler });
    return {
      at: (time: number): void => void (scheduler.frame = time),
      put: (key: string, result: unknown): Promise<void> => ready(results.put(key, result)),
      get: (...keys: string[]): Promise<unknown[]> => Promise.all(keys.map((key) => ready(results.get(key)))),
    };
  };

  it('finds stored results', async () => {
    const { put, get } = start();
    await put('a', { total: 42, lines: [1, null, 'x'] });
    await put('b', null);
    await put('a', { total: 43 });
    expect(await get('a', 'b', 'c', '__proto__')).toEqual([{ total: 43 }, null, undefined, undefined]);
  });

  it('forgets a result after its ttl, and not before', async () => {
    const { at, put, get } = start({ ttl: 1_000 });
    await put('a', 1);
    at(500);
    await put('b', 2);
    await put('a', 3);
    at(1_499);
    expect(await get('a', 'b')).toEqual([3, 2]);
    at(1_500);
    expect(await get('a', 'b')).toEqual([undefined, undefined]);
  });

  it('forgets the oldest when there are too many', async () => {
    const { at, put, get } = start({ maxSize: 2 });
    for (const [time, key] of ['b', 'a', 'b', 'c', 'd'].entries()) {
      at(time);
      await put(key, key);
    }
    expect(await get('a', 'b', 'c', 'd')).toEqual([undefined, undefined, 'c', 'd']);
  });
});

describe('memoryResults', () => {
  it('remembers for 5 minutes and 10,000 results by default', () => {
    const scheduler = new VirtualTimeScheduler();
    const results = memoryResults({ scheduler });
    results.put('first', 1);
    scheduler.frame = 299_999;
    for (let index = 1; index < 10_000; index++) results.put(String(index), index);
    expect(results.get('first')).toBe(1);
    results.put('10000', 10_000);
    expect([results.get('first'), results.get('1')]).toEqual([undefined, 1]);
    scheduler.frame = 599_999;
    expect(results.get('10000')).toBeUndefined();
  });

  it.each(['ttl', 'maxSize'])('refuses a %s that is not positive when called', (option) => {
    expect(() => memoryResults({ [option]: -1 })).toThrow(new RangeError(`memoryResults: "${option}" must be > 0, got -1`));
  });
});

describe('the results of lmdbStore', () => {
  it('belong to the transaction of the effect that stores them', async () => {
    const { inbox, results, close } = lmdbStore({ path: folder() });
    const effect = (key: string, fails: boolean) => () => {
      results.put(key, 'done');
      if (fails) throw new Error('no');
    };
    await ready(inbox.commit(leaseOf('ann'), { done: 1, finished: [] }, [{ effect: effect('a', false) }]));
    await expect(ready(inbox.commit(leaseOf('ann'), { done: 2, finished: [] }, [{ effect: effect('b', true) }]))).rejects.toThrow('no');
    expect([await ready(results.get('a')), await ready(results.get('b'))]).toEqual(['done', undefined]);
    close();
  });
});
