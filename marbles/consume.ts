import { defer, map, mergeMap, of, throwError, timer, type Observable } from 'rxjs';
import { createMessage } from '../lib/message/createMessage.js';
import type { Message } from '../lib/message/types.js';
import { consume, type Consumed } from '../lib/operators/consume/consume.js';
import { marble } from '../lib/adapters/testing/index.js';

const message = (id: string): Message => createMessage('test.any', null, { id, timestamp: 0 });
const values = { A: message('a'), B: message('b'), C: message('c') };
/** The message of the dead letter, which counts its retries. */
const R: Message = { ...values.B, metadata: { retryCount: 2 } };
/** The letter of a message, or `x` where it is dead. */
const shown = map(({ message: { id }, status }: Consumed<Message, unknown>) => (status === 'done' ? id : 'x'));

const work = (): Observable<unknown> => timer(3);
/** Fails after 1 ms, the first `times` times. */
const failing = (times: number): (() => Observable<unknown>) => {
  let left = times;
  return () => timer(1).pipe(mergeMap(() => (left-- > 0 ? throwError(() => 'error') : of(true))));
};

marble(
  'is through with a message when its handler has completed, and takes the next one then',
  {
    ...{ operator: 'consume(takes 3 ms)', values, source: '-AB-----C--|' },
    ...{ outputs: { started: '-A--B---C' }, expected: '----a--b---(c|)', subs: '^----------!' },
  },
  (source, { started }) =>
    source.pipe(
      consume((one) => {
        started(one);
        return work();
      }),
      shown,
    ),
);

marble(
  'runs as many handlers at once as concurrency says, and emits in the order in which they complete',
  { operator: 'consume(A takes 5 ms, others 2, concurrency: 2)', values, source: '-ABC------|', expected: '----b-(ac)|' },
  (source) =>
    source.pipe(
      consume(({ id }) => timer(id === 'a' ? 5 : 2), { concurrency: 2 }),
      shown,
    ),
);

marble(
  'tries a handler that fails again, each time after a longer wait, before the next message',
  {
    ...{ operator: 'consume(fails twice, retry: from 1 ms)', values, source: 'AB-----------|' },
    ...{ outputs: { tried: 'A-A--AB' }, expected: '------ab-----|' },
  },
  (source, { tried }) => {
    const handle = failing(2);
    const handler = (one: Message): Observable<unknown> =>
      defer(() => {
        tried(one);
        return handle();
      });
    return source.pipe(consume(handler, { retry: { initialInterval: 1 } }), shown);
  },
);

marble(
  'gives up a message that keeps failing, and goes on',
  {
    ...{ operator: 'consume(B fails, retry: twice from 1 ms, deadLetter: letters)', values: { ...values, R }, source: '-A-B-C-------|' },
    ...{ outputs: { letters: '---------R' }, expected: '--a------x(c)|' },
  },
  (source, { letters }) => {
    const handler = ({ id }: Message): Observable<unknown> => (id === 'b' ? failing(3)() : timer(1));
    return source.pipe(
      consume(handler, { retry: { initialInterval: 1, maxRetries: 2 }, deadLetter: (letter) => letters(letter.message) }),
      shown,
    );
  },
);

marble(
  'passes an error of the source on, and leaves what runs',
  { operator: 'consume(takes 3 ms)', values, source: '-A-B-#', expected: '----a#' },
  (source) => source.pipe(consume(work), shown),
);

marble(
  'leaves the source and what runs when unsubscribed',
  { operator: 'consume(takes 3 ms)', values, source: '-AB---', expected: '----a-', subs: '^----!', unsub: '-----!' },
  (source) => source.pipe(consume(work), shown),
);
