import { lastValueFrom } from 'rxjs';
import { lmdbStore } from '../../../lib/adapters/node/index.js';
import { folder } from './folder.js';

describe('a transaction of LMDB', () => {
  it('contains 256 jobs at most: the results of these come before the next job runs', async () => {
    const store = lmdbStore({ path: folder() });
    const table = store.table<number>('any');
    const order: string[] = [];
    const jobs = Array.from({ length: 300 }, async (_, number) => {
      await lastValueFrom(
        store.transact((transaction) => {
          order.push('ran');
          transaction.put(table, number, number);
        }),
      );
      order.push('stored');
    });
    await Promise.all(jobs);
    const runs = order.slice(0, order.lastIndexOf('ran')).filter((step) => step === 'ran').length;
    expect(order.indexOf('stored')).toBeLessThanOrEqual(256);
    expect(runs).toBe(299);
    expect(table.entries()).toHaveLength(300);
    store.close();
  });
});
