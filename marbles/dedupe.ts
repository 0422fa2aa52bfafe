import { marble } from '../lib/adapters/testing/index.js';
import { dedupe } from '../lib/operators/dedupe.js';

marble(
  'drops a value that was first seen less than ttl ago',
  { source: '-a-abab-b--|', expected: '-a--ba--b--|', subs: '^----------!', time: { ttl: '----|' } },
  (source, { ttl }) => source.pipe(dedupe({ key: (letter) => letter, ttl })),
);

marble('does not extend the ttl at a repeat', { source: 'aaaaaaaaa|', expected: 'a---a---a|', time: { ttl: '----|' } }, (source, { ttl }) =>
  source.pipe(dedupe({ key: (letter) => letter, ttl })),
);

marble(
  'forgets the oldest key when maxSize is reached',
  { operator: 'dedupe(maxSize: 2)', source: '-abcbab|', expected: '-abc-ab|' },
  (source) => source.pipe(dedupe({ key: (letter) => letter, maxSize: 2 })),
);

marble(
  'reports what it drops',
  { operator: 'dedupe(onDuplicate: duplicates)', source: '-a-ab-b|', expected: '-a--b--|', outputs: { duplicates: '---a--b' } },
  (source, { duplicates }) => source.pipe(dedupe({ key: (letter) => letter, onDuplicate: duplicates })),
);

marble(
  'fails for a value whose key is undefined',
  {
    ...{ operator: 'dedupe()', source: '-a-b--|', expected: '-a-#', subs: '^--!', values: { a: { id: 'a' }, b: { nane: 'b' } } },
    error: new TypeError('dedupe: the key of a value is undefined; pass "key"'),
  },
  (source) => source.pipe(dedupe({ key: (value) => ('id' in value ? value.id : undefined) })),
);
