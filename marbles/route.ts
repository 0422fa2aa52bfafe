import { map, timer } from 'rxjs';
import { route } from '../lib/operators/routing/route.js';
import { createMessage } from '../lib/message/createMessage.js';
import type { Message } from '../lib/message/types.js';
import { marble } from '../lib/adapters/testing/index.js';

const message = (type: string): Message => createMessage(type, null, { id: type, timestamp: 0 });
const values = { A: message('a'), B: message('b'), C: message('c') };
const shown = map(({ id }: Message) => id);

marble(
  'emits a message when its handlers are done: they run concurrently',
  { operator: "route({ a: takes 3 ms, '*': takes 1 ms })", values, source: '-AB------|', expected: '---ba----|', subs: '^--------!' },
  (source) => source.pipe(route({ a: () => timer(3), '*': () => timer(1) }), shown),
);

marble(
  'reports what nobody handles, and does not emit it',
  {
    ...{ operator: 'route({ a, b })', values, source: '-A-C-B-|' },
    ...{ outputs: { unhandled: '---C----' }, expected: '-a---b-|' },
  },
  (source, { unhandled }) => source.pipe(route({ a: () => undefined, b: () => undefined }, { onUnhandled: unhandled }), shown),
);

marble(
  'tries a handler that fails again, and goes on without it',
  {
    ...{ operator: 'route({ a: fails, b }, 1 retry after 2 ms)', values, source: '-AB------|' },
    ...{ outputs: { dead: '---A' }, expected: '--ba-----|' },
  },
  (source, { dead }) => {
    const fail = (): never => {
      throw new Error('boom');
    };
    const retry = { initialInterval: 2, maxRetries: 1 };
    return source.pipe(route({ a: fail, b: () => undefined }, { retry, onError: (_, one) => dead(one) }), shown);
  },
);
