import type { Message } from '../../lib/message/types.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { webStorageOutbox } from '../../lib/stores/web/webStorageOutbox.js';
import { fakeStorage } from '../stores/fakeStorage.js';
import { record } from '../support/record.js';
import { network } from '../support/sessionPair.js';

const message = (id: string): Message => createMessage('test.any', null, { id });

describe('messages that a full queue drops take no room in the outbox', () => {
  it('keeps the messages that are left, also over a reload', async () => {
    const storage = fakeStorage();
    const net = network();
    const open = () => {
      const outbox = webStorageOutbox('chat', { storage, locks: false, maxMessages: 3 });
      return net.connect({ outbox, maxQueued: 2 });
    };
    net.down();
    const before = open();
    const dropped = record(before.failures$);
    await new Promise((resolve) => setTimeout(resolve, 10));
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) before.next(message(id));
    await dropped.take(5);
    await new Promise((resolve) => setTimeout(resolve, 10));
    before.unsubscribe();

    net.up();
    const got: string[] = [];
    const server = net.serve({}, (wire) => wire.subscribe(({ id }) => got.push(id)));
    const after = open();
    const acked = record(after.receipts$);
    await acked.take(4);
    expect(got).toEqual(['f', 'g']);
    expect(dropped.values.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'e']);
    after.unsubscribe();
    server.unsubscribe();
  });
});
