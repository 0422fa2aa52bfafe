import { filter, firstValueFrom, Subject, take } from 'rxjs';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { consume } from '../../../lib/operators/consume/consume.js';
import { webStorageOutbox } from '../../../lib/stores/web/webStorageOutbox.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { record } from '../../support/record.js';
import { network } from '../../support/sessionPair.js';
import { fakeStorage } from '../../stores/fakeStorage.js';

const message = (id: string): Message => createMessage('test.any', null, { id });
const connected = (wire: Wire): Promise<unknown> => firstValueFrom(wire.state$.pipe(filter(({ status }) => status === 'connected')));

describe('an outbox that was rolled back', () => {
  it('sends nothing before the other side has processed the forgotten messages: its window is full', async () => {
    const net = network();
    const got$ = new Subject<string>();
    const got = record(got$);
    const go$ = new Subject<void>();
    const work = ({ id }: Message) => {
      got$.next(id);
      return go$.pipe(take(1));
    };
    const server = net.serve({ window: 4 }, (wire) => void wire.pipe(consume(work, { concurrency: 100 })).subscribe());
    const storage = fakeStorage();
    const life = (): Wire => net.connect({ outbox: webStorageOutbox('orders', { storage, locks: false }), delivery: 'exactly-once' });

    const first = life();
    await connected(first);
    const early = new Map(storage.items);
    for (const id of ['a', 'b', 'c', 'd']) first.next(message(id));
    await got.take(4);
    first.unsubscribe();
    storage.items.clear();
    early.forEach((value, key) => storage.items.set(key, value));

    const second = life();
    const errors = record(second.errors$);
    const acked = Promise.all(['e', 'f', 'g', 'h'].map((id) => second.send(message(id))));
    await connected(second);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(got.values).toEqual(['a', 'b', 'c', 'd']);
    go$.next();
    await got.take(8);
    go$.next();
    await acked;
    expect(got.values).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
    expect(errors.values).toEqual([]);
    second.unsubscribe();
    server.unsubscribe();
  });
});
