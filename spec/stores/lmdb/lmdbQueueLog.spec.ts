import { firstValueFrom, NEVER, take, toArray } from 'rxjs';
import { queue } from '../../../lib/operators/queue/queue.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { lmdbStore } from '../../../lib/stores/lmdb/lmdbStore.js';
import { ready } from '../../support/outboxCases.js';
import { queueCases, queued, type QueuePlace } from '../../support/queueCases.js';
import { folder, tamper } from './folder.js';

function place(): QueuePlace {
  const path = folder();
  return {
    log() {
      const store = lmdbStore({ path });
      const log = store.queue('orders');
      // What is open stays so.
      store.close();
      return log;
    },
    corrupt: (at) =>
      tamper(path, 'rxwire.logEntries', (database) => {
        for (const key of [...database.getKeys()] as unknown as [string, number][]) {
          if (key[1] === at) database.putSync(key, Buffer.from([0xc1]));
        }
      }),
  };
}

describe('the queues of lmdbStore', () => {
  it.each(Object.entries(queueCases))('%s', async (_, check) => check(place()));

  it('are apart from each other', async () => {
    const store = lmdbStore({ path: folder() });
    const [one, other] = [store.queue('a'), store.queue('b')];
    await Promise.all([ready(one.open()), ready(other.open())]);
    await ready(one.write([queued(1)], []));
    await ready(other.write([queued(2)], [1]));
    expect([await ready(store.queue('a').open()), await ready(store.queue('b').open())]).toEqual([[queued(1)], [queued(2)]]);
    [one, other, store].forEach((each) => each.close());
  });

  it('refuses a name that can be none', () => {
    const store = lmdbStore({ path: folder() });
    expect(() => store.queue('a\0b')).toThrow(TypeError);
    store.close();
  });

  it('continue after a restart with the unfinished messages', async () => {
    const path = folder();
    const before = lmdbStore({ path });
    const orders = queue('orders', { store: before });
    const processor = orders.process(({ id }) => (id === 'b' ? NEVER : undefined)).subscribe();
    'abc'.split('').forEach((id) => orders.next(createMessage('order.placed', id, { id })));
    await firstValueFrom(before.transact(() => undefined)); // behind what is being written
    await firstValueFrom(before.transact(() => undefined));
    processor.unsubscribe();
    orders.close();
    before.close();

    const after = lmdbStore({ path });
    const again = queue('orders', { store: after });
    const done = await firstValueFrom(again.process(() => undefined).pipe(take(2), toArray()));
    expect(done.map(({ message }) => message.payload)).toEqual(['b', 'c']);
    expect(await ready(after.queue('orders').open())).toEqual([]);
    again.close();
    after.close();
  });
});
