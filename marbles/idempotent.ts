import { EMPTY, map, of, retry, throwError, timer, type Observable } from 'rxjs';
import { memoryResults } from '../lib/operators/buffers/resultStore.js';
import { idempotent } from '../lib/operators/idempotent.js';
import { marble } from '../lib/adapters/testing/index.js';

const key = (letter: string): string => letter;
/** Answers `a` with `A` after 3 ms, and notes that it was asked. */
const answering =
  (asked: (letter: string) => void) =>
  (letter: string): Observable<string> => {
    asked(letter);
    return timer(3).pipe(map(() => letter.toUpperCase()));
  };

marble(
  'answers a repeat with the result of the first, at once',
  {
    ...{ operator: 'idempotent(takes 3 ms)', source: '-a----a-b---a-|' },
    ...{ outputs: { asked: '-a------b' }, expected: '----A-A----BA-|', subs: '^-------------!' },
  },
  (source, { asked }) => source.pipe(idempotent(answering(asked), { key })),
);

marble(
  'lets repeats share a handler that runs',
  { operator: 'idempotent(takes 3 ms)', source: '-a-a------|', outputs: { asked: '-a' }, expected: '----(AA)--|' },
  (source, { asked }) => source.pipe(idempotent(answering(asked), { key })),
);

marble(
  'forgets a result ttl after it was there',
  {
    ...{ operator: 'idempotent(takes 3 ms, ttl: 4 ms)', source: 'a------aa-----|', time: { ttl: '----|' } },
    ...{ outputs: { asked: 'a------a' }, expected: '---A------(AA)|' },
  },
  (source, { asked, ttl }) => source.pipe(idempotent(answering(asked), { key, ttl })),
);

marble(
  'forgets the oldest result when maxSize is reached',
  {
    ...{ operator: 'idempotent(maxSize: 2)', source: '-abcbab|' },
    ...{ outputs: { asked: '-abc-ab' }, expected: '-ABCBAB|' },
  },
  (source, { asked }) =>
    source.pipe(
      idempotent(
        (letter) => {
          asked(letter);
          return of(letter.toUpperCase());
        },
        { key, maxSize: 2 },
      ),
    ),
);

marble(
  'does not remember an error',
  {
    ...{ operator: 'idempotent(fails at first, store), retry(1)', source: '-a-a-|' },
    ...{ outputs: { asked: '-aa' }, expected: '--A-A-|', subs: ['^!', '-^----!'] },
  },
  (source, { asked }) => {
    const answers = [throwError(() => 'error'), of('A')];
    const handler = (letter: string): Observable<string> => {
      asked(letter);
      return answers.shift() ?? EMPTY;
    };
    return source.pipe(idempotent(handler, { key, store: memoryResults() }), retry(1));
  },
);

marble(
  'leaves what runs when unsubscribed',
  { operator: 'idempotent(takes 3 ms)', source: '-a-b--', expected: '----A-', subs: '^----!', unsub: '-----!', outputs: { asked: '-a-b' } },
  (source, { asked }) => source.pipe(idempotent(answering(asked), { key })),
);

marble(
  'fails for a request whose key is undefined, and does not run the handler',
  {
    ...{ operator: 'idempotent(takes 3 ms)', source: '-?--', outputs: { asked: '' }, expected: '-#', subs: '^!' },
    error: new TypeError('idempotent: the key of a value is undefined; pass "key"'),
  },
  (source, { asked }) => source.pipe(idempotent(answering(asked), { key: () => undefined as never })),
);
