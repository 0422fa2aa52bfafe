import { lastValueFrom, of, pipe, range, Subject, toArray } from 'rxjs';
import { batchByKey } from '../../lib/operators/batchByKey.js';
import { unbatch } from '../../lib/operators/unbatch.js';
import { operatorContract } from '../support/operatorContract.js';

describe('unbatch', () => {
  operatorContract(() => unbatch(), { value: (index) => ({ items: [index, -index] }) });

  it('emits the items of each batch, in order', async () => {
    const items = of({ items: [1, 2] }, { items: [] }, { items: [3] }).pipe(unbatch(), toArray());
    expect(await lastValueFrom(items)).toEqual([1, 2, 3]);
  });

  it('is the inverse of batchByKey, within a key', async () => {
    const thereAndBack = pipe(
      batchByKey<number, string>(() => 'all', { maxSize: 3 }),
      unbatch(),
    );
    expect(await lastValueFrom(range(0, 10).pipe(thereAndBack, toArray()))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('ends a batch before the next that a subscriber causes', () => {
    const source = new Subject<{ readonly items: readonly number[] }>();
    const items: number[] = [];
    source.pipe(unbatch()).subscribe((item) => {
      if (item === 1) source.next({ items: [4, 5] });
      items.push(item);
    });
    source.next({ items: [1, 2, 3] });
    expect(items).toEqual([1, 2, 3, 4, 5]);
  });
});
