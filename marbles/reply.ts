import { concat, ignoreElements, map, merge, mergeMap, of, tap, throwError, timer, type Observable } from 'rxjs';
import { reply } from '../lib/operators/requests/reply.js';
import { ReplyError } from '../lib/message/errors.js';
import { createMessage } from '../lib/message/createMessage.js';
import type { Message } from '../lib/message/types.js';
import { marble } from '../lib/adapters/testing/index.js';

const ask = (id: string): Message => createMessage('ask', id, { id, timestamp: 0 });
const values = {
  ...{ A: ask('a'), B: ask('b'), C: ask('c') },
  // Nobody waits for `a` any more.
  X: createMessage('request.cancel', null, { id: 'x', correlationId: 'a', timestamp: 0 }),
};

/** What is said, as a letter: a reply or a report as its payload, `l` for the last reply, `e` for the end, `f` for a failure. */
const shown = map(({ type, payload }: Message): string => {
  if (type === 'reply.complete') return 'e';
  if (type === 'reply.error') return 'f';
  return type === 'reply.last' ? 'l' : String(payload);
});
const later = <T>(ms: number, value: T): Observable<T> => timer(ms).pipe(map(() => value));
const pause = (ms: number): Observable<never> => timer(ms).pipe(ignoreElements());

marble(
  'says what the handler emits, and that there is no more',
  { operator: 'reply({ ask: 2 values in 4 ms })', values, source: '-A------', expected: '---1-2e-', subs: '^' },
  (source) => source.pipe(reply({ ask: () => concat(later(2, 1), later(2, 2), pause(1)) }), shown),
);

marble(
  'says at once that a reply is the last one, where that is known',
  { operator: 'reply({ ask: of })', values, source: '-A-B--', expected: '-l-l--' },
  (source) => source.pipe(reply({ ask: ({ payload }) => of(payload) }), shown),
);

marble(
  'stops what nobody waits for any more',
  { operator: 'reply({ ask: takes 3 ms })', values, source: '-ABX-----', outputs: { stopped: '---a' }, expected: '-----(be)' },
  (source, { stopped }) =>
    source.pipe(reply({ ask: ({ payload, id }) => later(3, payload).pipe(tap({ unsubscribe: () => stopped(id) })) }), shown),
);

marble(
  'answers a few at once, and lets the others wait',
  {
    ...{ operator: 'reply({ ask: takes 3 ms }, concurrency: 1)', values, source: '-AB-C-----------' },
    ...{ outputs: { begun: '-a--b--c' }, expected: '----e--e--e-' },
  },
  (source, { begun }) =>
    source.pipe(
      reply(
        {
          ask: ({ id }) => {
            begun(id);
            return pause(3);
          },
        },
        { concurrency: 1 },
      ),
      shown,
    ),
);

marble(
  'answers with an error where too many wait',
  { operator: 'reply({ ask: takes 3 ms }, concurrency: 1, maxWaiting: 1)', values, source: '-ABC----', expected: '---fe--e' },
  (source) => source.pipe(reply({ ask: () => pause(3) }, { concurrency: 1, maxWaiting: 1 }), shown),
);

marble(
  'lets an error be that of its request alone',
  { operator: 'reply({ ask: fails after 2 ms })', values, source: '-A-B----', expected: '---f-f--' },
  (source) =>
    source.pipe(
      reply({ ask: () => timer(2).pipe(mergeMap(() => throwError(() => new ReplyError('ERR_NO_SUCH_FILE', 'there is none')))) }),
      shown,
    ),
);

marble(
  'reports progress, the first at once, then the latest every so often',
  {
    ...{ operator: 'reply({ ask: counts each ms }, progressInterval: 3 ms)', values, source: '-A-----------' },
    expected: '-1--4--7(8re)',
  },
  (source) =>
    source.pipe(
      reply(
        {
          ask: (_, { progress }) =>
            concat(
              merge(...[0, 1, 2, 3, 4, 5, 6, 7].map((ms) => timer(ms).pipe(tap(() => progress(ms + 1))))).pipe(ignoreElements()),
              of('r'),
            ),
        },
        { progressInterval: 3 },
      ),
      shown,
    ),
);

marble(
  'answers all requests before it completes, where the source is no wire',
  { operator: 'reply({ ask: takes 3 ms })', values, source: '-AB|----', expected: '----e(e|)', subs: '^--!' },
  (source) => source.pipe(reply({ ask: () => pause(3) }), shown),
);
