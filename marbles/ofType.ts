import { createMessage } from '../lib/message/createMessage.js';
import { marble } from '../lib/adapters/testing/index.js';
import { ofType } from '../lib/operators/ofType.js';

const values = {
  a: createMessage('system.ping', { timestamp: 0 }),
  b: createMessage('system.pong', { timestamp: 0 }),
  c: createMessage('chat.said', { text: 'hello' }),
};

marble(
  'passes on the messages of one type',
  { operator: "ofType('system.ping')", source: '-a-b-c-a-|', expected: '-a-----a-|', subs: '^--------!', values },
  (source) => source.pipe(ofType('system.ping')),
);

marble(
  'passes on the messages of several types',
  { operator: "ofType('system.ping', 'chat.said')", source: '-a-b-c-a-|', expected: '-a---c-a-|', values },
  (source) => source.pipe(ofType('system.ping', 'chat.said')),
);
