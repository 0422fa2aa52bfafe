import { marble } from '../lib/adapters/testing/index.js';
import { linearDelay, retryBackoff } from '../lib/operators/retryBackoff.js';

marble(
  'waits twice as long after each error',
  {
    source: '    -a-#',
    expected: '  -a---a----a------a-',
    subs: ['     ^--!', '----^--!', '---------^--!', '----------------^--!'],
    unsub: '     -------------------!',
    time: { initialInterval: '-|' },
  },
  (source, { initialInterval }) => source.pipe(retryBackoff({ initialInterval })),
);

marble(
  'waits no longer than maxInterval',
  { source: '-a-#', expected: '-a---a----a----a----a-#', time: { initialInterval: '-|', maxInterval: '--|' } },
  (source, { initialInterval, maxInterval }) => source.pipe(retryBackoff({ initialInterval, maxInterval, maxRetries: 4 })),
);

marble(
  'waits evenly longer with linearDelay',
  {
    operator: 'retryBackoff(initialInterval: 1 ms, backoffDelay: linearDelay)',
    source: '-a-#',
    expected: '-a---a----a-----a-#',
    time: { initialInterval: '-|' },
  },
  (source, { initialInterval }) => source.pipe(retryBackoff({ initialInterval, maxRetries: 3, backoffDelay: linearDelay })),
);

marble(
  'starts over after a value, with resetOnSuccess',
  {
    operator: 'retryBackoff(initialInterval: 1 ms, resetOnSuccess: true)',
    source: '-a-#',
    expected: '-a---a---a---a---',
    unsub: '----------------!',
    time: { initialInterval: '-|' },
  },
  (source, { initialInterval }) => source.pipe(retryBackoff({ initialInterval, resetOnSuccess: true })),
);

marble(
  'passes the error on when shouldRetry says so, without waiting',
  { operator: 'retryBackoff(shouldRetry: () => false)', source: '-a-#', expected: '-a-#', subs: '^--!' },
  (source) => source.pipe(retryBackoff({ initialInterval: 1, shouldRetry: () => false })),
);

marble(
  'tells onRetry how long it will wait',
  {
    operator: 'retryBackoff(initialInterval: 1 ms, onRetry: delays)',
    source: '-#',
    expected: '-----------#',
    outputs: { delays: '-a-b--c' },
    values: { a: 1, b: 2, c: 4 },
  },
  (source, { delays }) => source.pipe(retryBackoff({ initialInterval: 1, maxRetries: 3, onRetry: ({ delay }) => delays(delay) })),
);

marble(
  'waits a random part of the delay, with jitter',
  {
    operator: 'retryBackoff(initialInterval: 2 ms, jitter: 1, random: () => 0.5)',
    source: '-#',
    expected: '-----------#',
    outputs: { delays: '-a-b--c' },
    values: { a: 1, b: 2, c: 4 },
  },
  (source, { delays }) => {
    const onRetry = ({ delay }: { delay: number }) => delays(delay);
    return source.pipe(retryBackoff({ initialInterval: 2, maxRetries: 3, jitter: 1, random: () => 0.5, onRetry }));
  },
);

marble(
  'waits no longer when it is woken',
  {
    operator: 'retryBackoff(initialInterval: 9 ms, wake$)',
    source: '-#',
    inputs: { wake$: '---w' },
    subs: ['^!', '----^!'],
    expected: '-------',
    unsub: '-------!',
  },
  (source, { wake$ }) => source.pipe(retryBackoff({ initialInterval: 9, wake$ })),
);

marble(
  'stops waiting when unsubscribed',
  { source: '-#', expected: '---', subs: '^!', unsub: '---!', time: { initialInterval: '-----|' } },
  (source, { initialInterval }) => source.pipe(retryBackoff(initialInterval)),
);
