import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import type { OutboxStore } from '../../lib/stores/outboxStore.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { scriptedOutbox } from '../support/scriptedOutbox.js';
import { network } from '../support/sessionPair.js';

/** The outbox of a server for a client, as another server has left it: that server may have sent the message. */
function outboxOfAnotherServer(): OutboxStore {
  const batches = [
    { first: 1, count: 1, body: JSON.stringify(createMessage('test.any', null, { id: 'greeting' })), level: 'exactly-once' as const },
  ];
  return scriptedOutbox({}, { last: 1, mark: 1, codec: 'json', batches });
}

describe('a client that has accepted no message from any server', () => {
  it('gets the exactly-once messages that another server may have sent to it: none of them is in doubt', async () => {
    const net = network();
    const errors: unknown[] = [];
    const serving = net.serve({ outbox: outboxOfAnotherServer }, (served: Wire) => served.errors$.subscribe((error) => errors.push(error)));
    const wire = net.connect({ delivery: 'exactly-once' });
    const received = record<Message>(wire);
    expect((await received.take(1)).map(({ id }) => id)).toEqual(['greeting']);
    expect(errors).toEqual([]);
    wire.unsubscribe();
    serving.unsubscribe();
  });

  it('ends after its first message: with a server that does not know the client, sent messages are in doubt', async () => {
    const net = network();
    const first = net.serve({}, (served: Wire) => served.next(createMessage('test.any', 1)));
    const wire = net.connect({ delivery: 'exactly-once' });
    const received = record<Message>(wire);
    await received.take(1);
    const errors = record<unknown>(wire.errors$);
    first.unsubscribe();
    const doubts: unknown[] = [];
    const second = net.serve({ outbox: outboxOfAnotherServer }, (served: Wire) => {
      served.errors$.subscribe((error) => doubts.push(error));
      served.next(createMessage('test.any', 2, { id: 'later' }));
    });
    net.cut();
    expect((await received.take(2)).map(({ id }) => id).at(-1)).toBe('later');
    expect(doubts).toMatchObject([{ code: 'ERR_IN_DOUBT' }]);
    expect(errors.values.length).toBeGreaterThan(0);
    wire.unsubscribe();
    second.unsubscribe();
  });
});
