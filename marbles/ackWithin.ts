import { map } from 'rxjs';
import { ackWithin } from '../lib/operators/ackWithin.js';
import { marble } from '../lib/adapters/testing/index.js';

const values = { A: { id: 'a' }, B: { id: 'b' }, C: { id: 'c' } };
const idOf = ({ id }: { readonly id: string }) => id;

marble(
  'sends, and emits a receipt when the ack comes',
  {
    ...{ source: ' -A-B------|', inputs: { acks: '----a-b' }, outputs: { sent: '-A-B' } },
    ...{ expected: '----a-b---|', time: { timeout: '-----|' }, values },
  },
  (source, { acks, sent, timeout }) => source.pipe(ackWithin(acks, timeout, { send: sent }), map(idOf)),
);

marble(
  'waits after the source for the acks that are missing',
  {
    ...{ source: ' -A|', inputs: { acks: '-----a' }, outputs: { sent: '-A' } },
    ...{ expected: '-----(a|)', time: { timeout: '-----|' }, values },
  },
  (source, { acks, sent, timeout }) => source.pipe(ackWithin(acks, timeout, { send: sent }), map(idOf)),
);

marble(
  'sends again when no ack comes, and waits twice as long each time',
  {
    ...{ source: ' A------------|', inputs: { acks: '-----------a' }, outputs: { sent: 'A--A-----A' } },
    ...{ expected: '-----------a-|', time: { timeout: '---|' }, values },
  },
  (source, { acks, sent, timeout }) => source.pipe(ackWithin(acks, timeout, { send: sent, retries: 3 }), map(idOf)),
);

marble(
  'passes on as dead what no ack comes for, and goes on',
  {
    ...{ source: ' A--B-------|', inputs: { acks: '----b' }, outputs: { sent: 'A-AB', dead: '------A' } },
    ...{ expected: '----b------|', time: { timeout: '--|' }, values },
  },
  (source, { acks, sent, dead, timeout }) => source.pipe(ackWithin(acks, timeout, { send: sent, retries: 1, onDead: dead }), map(idOf)),
);

marble(
  'fails for a message without an id, and does not send it',
  {
    ...{ source: ' -A-n--|', inputs: { acks: '--a' }, outputs: { sent: '-A' }, subs: '^--!' },
    ...{ expected: '--a#', time: { timeout: '-----|' }, values: { ...values, n: {} as { id: string } } },
    error: new TypeError('ackWithin: the id of a value is undefined; pass "id"'),
  },
  (source, { acks, sent, timeout }) => source.pipe(ackWithin(acks, timeout, { send: sent }), map(idOf)),
);
