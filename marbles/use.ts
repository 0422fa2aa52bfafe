import { map, timer } from 'rxjs';
import { intercept, use } from '../lib/operators/routing/use.js';
import { createMessage } from '../lib/message/createMessage.js';
import type { Message } from '../lib/message/types.js';
import { marble } from '../lib/adapters/testing/index.js';

const message = (type: string): Message => createMessage(type, null, { id: type, timestamp: 0 });
const values = { A: message('a'), B: message('b'), C: message('c') };
const shown = map(({ id }: Message) => id);
const slowly = () => timer(3).pipe(map(() => undefined));

marble(
  'keeps the order while a middleware takes its time',
  { operator: 'use(a takes 3 ms, c is stopped)', values, source: '-AB---C-B-|', expected: '----(ab)b-|', subs: '^---------!' },
  (source) =>
    source.pipe(
      use(({ id }) => (id === 'a' ? slowly() : id === 'c' ? null : undefined)),
      shown,
    ),
);

marble(
  'reports a message whose middleware fails, and goes on',
  { operator: 'use(b fails)', values, source: '-A-B-C-|', outputs: { failed: '---B----' }, expected: '-a---c-|' },
  (source, { failed }) => {
    const check = ({ id }: Message): void => {
      if (id === 'b') throw new Error('boom');
    };
    return source.pipe(use(check, { onError: (_, one) => failed(one) }), shown);
  },
);

marble(
  'intercepts one type, and keeps the order of all',
  { operator: "intercept('a', takes 3 ms)", values, source: '-AB-----C-|', expected: '----(ab)c-|' },
  (source) => source.pipe(intercept('a', slowly), shown),
);
