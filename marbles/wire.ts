import { map } from 'rxjs';
import { createMessage } from '../lib/message/createMessage.js';
import { marble } from '../lib/adapters/testing/index.js';

const reconnect = { initialInterval: 1, maxInterval: 1 };

marble(
  'sends the messages of a cut after the cut, in both directions',
  {
    ...{ operator: 'connect({ link })', source: '-a-b-c-------------d', server: '------y-----------z' },
    ...{ link: '----x-----o', lag: '-|', wire: { reconnect } },
    ...{ received: '---a---------(bc)---d', expected: '--------------y----z' },
  },
  (source, { wire }) => {
    source.subscribe((letter) => wire.next(createMessage('value', letter)));
    return wire.pipe(map(({ payload }) => payload));
  },
);

marble(
  'at-most-once, loses the message that was on its way at the cut',
  {
    ...{ operator: "connect({ link, delivery: 'at-most-once' })", source: '-a-b-c-------------d', server: '------y-----------z' },
    ...{ link: '----x-----o', lag: '-|', wire: { reconnect, delivery: 'at-most-once' } },
    ...{ received: '---a---------c------d', expected: '--------------y----z' },
  },
  (source, { wire }) => {
    source.subscribe((letter) => wire.next(createMessage('value', letter)));
    return wire.pipe(map(({ payload }) => payload));
  },
);
