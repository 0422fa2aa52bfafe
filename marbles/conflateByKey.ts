import { map, mergeMap, throwError, timer, type Observable } from 'rxjs';
import { conflateByKey } from '../lib/operators/conflateByKey.js';
import { marble } from '../lib/adapters/testing/index.js';

/** The lower and the upper case of a letter have the same key. */
const letterOf = (item: string): string => item.toLowerCase();
/** What takes 3 ms. */
const save = (item: string): Observable<string> => timer(3).pipe(map(() => item));

marble(
  'keeps the newest of each key while the consumer is busy, and the key its place',
  {
    operator: 'conflateByKey(takes 3 ms, onDrop: dropped)',
    source: '  -abcB----|',
    expected: '----a--B--(c|)',
    subs: '    ^--------!',
    outputs: { dropped: '----b' },
  },
  (source, { dropped }) => source.pipe(conflateByKey(letterOf, save, { onDrop: dropped })),
);

marble(
  'starts at once what need not wait',
  { operator: 'conflateByKey(takes 3 ms)', source: '-a----A-|', expected: '----a----(A|)' },
  (source) => source.pipe(conflateByKey(letterOf, save)),
);

marble(
  'lets a key that comes while it is at work wait for that, and then behind the others',
  { operator: 'conflateByKey(takes 3 ms)', source: '-aAb------|', expected: '----a--b--(A|)' },
  (source) => source.pipe(conflateByKey(letterOf, save)),
);

marble(
  'runs as many keys at once as concurrency says, each of them once',
  { operator: 'conflateByKey(takes 3 ms, concurrency: 2)', source: '-aAb------|', expected: '----a-bA--|' },
  (source) => source.pipe(conflateByKey(letterOf, save, { concurrency: 2 })),
);

marble(
  'drops the key that waits longest when one too many comes',
  {
    operator: 'conflateByKey(takes 3 ms, maxKeys: 1, onDrop: dropped)',
    source: '  -abc-------|',
    expected: '----a--c---|',
    outputs: { dropped: '---b' },
  },
  (source, { dropped }) => source.pipe(conflateByKey(letterOf, save, { maxKeys: 1, onDrop: dropped })),
);

marble(
  'fails when an inner stream does, and drops what waits',
  {
    operator: 'conflateByKey(fails after 3 ms, onDrop: dropped)',
    source: '  -abA--',
    expected: '----#',
    subs: '    ^---!',
    outputs: { dropped: '----(bA)' },
  },
  (source, { dropped }) =>
    source.pipe(conflateByKey(letterOf, () => timer(3).pipe(mergeMap(() => throwError(() => 'error'))), { onDrop: dropped })),
);

marble(
  'leaves the source, what runs and what waits when unsubscribed',
  {
    operator: 'conflateByKey(takes 3 ms, onDrop: dropped)',
    source: '  -(abA)',
    expected: '---',
    subs: '    ^--!',
    unsub: '   ---!',
    outputs: { dropped: '---(bA)' },
  },
  (source, { dropped }) => source.pipe(conflateByKey(letterOf, save, { onDrop: dropped })),
);

marble(
  'fails for a value whose key is undefined, and drops what waits',
  {
    ...{ operator: 'conflateByKey(takes 3 ms, onDrop: dropped)', source: '-ab?--|', expected: '---#', subs: '^--!' },
    ...{ outputs: { dropped: '---b' } },
    error: new TypeError('conflateByKey: the key of a value is undefined; pass "key"'),
  },
  (source, { dropped }) => source.pipe(conflateByKey((item) => (item === '?' ? undefined : item), save, { onDrop: dropped })),
);
