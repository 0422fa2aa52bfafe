import { marble } from '../lib/adapters/testing/index.js';
import { expire } from '../lib/operators/expire.js';

marble(
  'drops a message from the moment its ttl has passed',
  {
    source: '  -a-b-a-b-|',
    expected: '-a-b---b-|',
    subs: '    ^--------!',
    values: { a: { timestamp: 0, ttl: 5 }, b: { timestamp: 0 } },
  },
  (source) => source.pipe(expire()),
);

marble(
  'reports what it drops',
  {
    source: '  -a--a-a|',
    expected: '-a-----|',
    operator: 'expire(onExpired: expired)',
    outputs: { expired: '----a-a' },
    values: { a: { timestamp: 0, ttl: 2 } },
  },
  (source, { expired }) => source.pipe(expire({ onExpired: expired })),
);
