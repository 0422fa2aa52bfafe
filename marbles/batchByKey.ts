import { marble } from '../lib/adapters/testing/index.js';
import { batchByKey } from '../lib/operators/batchByKey.js';

/** The lower and the upper case of a letter have the same key. */
const letterOf = (item: string): string => item.toLowerCase();
const values = {
  x: { key: 'a', items: ['a', 'A'] },
  y: { key: 'b', items: ['b'] },
  z: { key: 'a', items: ['a'] },
};

marble(
  'emits a batch when it is full, or maxWait after its first item',
  {
    operator: 'batchByKey(maxSize: 2, maxWait: 5 ms)',
    source: '-a-Ab-a------|',
    expected: '---x-----y-z-|',
    values,
    time: { maxWait: '-----|' },
  },
  (source, { maxWait }) => source.pipe(batchByKey(letterOf, { maxSize: 2, maxWait })),
);

marble(
  'lets later items wait less, not the first one more',
  {
    operator: 'batchByKey(maxWait: 5 ms)',
    source: '-a--A--a--------|',
    expected: '------x-----z---|',
    values,
    time: { maxWait: '-----|' },
  },
  (source, { maxWait }) => source.pipe(batchByKey(letterOf, { maxWait })),
);

marble(
  'emits what is open when the source completes, the oldest batch first',
  { operator: 'batchByKey(maxWait: 1 s)', source: '-a-b-A-|', expected: '-------(xy|)', values, subs: '^------!' },
  (source) => source.pipe(batchByKey(letterOf)),
);

marble(
  'emits what is open before an error, too',
  { operator: 'batchByKey(maxWait: 1 s)', source: '-a-b-A-#', expected: '-------(xy#)', values, subs: '^------!' },
  (source) => source.pipe(batchByKey(letterOf)),
);

marble(
  'emits the oldest batch early when one more than maxKeys is open',
  { operator: 'batchByKey(maxKeys: 1)', source: '-a-A-b---|', expected: '-----x---(y|)', values },
  (source) => source.pipe(batchByKey(letterOf, { maxKeys: 1 })),
);

marble(
  'collects the items of one instant with maxWait 0',
  { operator: 'batchByKey(maxWait: 0)', source: '--(aAb)---a-|', expected: '--(xy)----z-|', values },
  (source) => source.pipe(batchByKey(letterOf, { maxWait: 0 })),
);

marble(
  'emits nothing more when unsubscribed',
  {
    operator: 'batchByKey(maxWait: 5 ms)',
    source: '-a-b-----',
    expected: '----',
    values,
    subs: '^---!',
    unsub: '----!',
    time: { maxWait: '-----|' },
  },
  (source, { maxWait }) => source.pipe(batchByKey(letterOf, { maxWait })),
);

marble(
  'fails for an item whose key is undefined, behind what is open',
  {
    ...{ operator: 'batchByKey(maxWait: 1 s)', source: '-a-?--|', expected: '---(x#)', subs: '^--!' },
    ...{ values: { x: { key: 'a', items: ['a'] } } },
    error: new TypeError('batchByKey: the key of a value is undefined; pass "key"'),
  },
  (source) => source.pipe(batchByKey((item) => (item === '?' ? undefined! : letterOf(item)))),
);
