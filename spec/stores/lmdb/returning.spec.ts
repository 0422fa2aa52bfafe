import { filter, firstValueFrom, ReplaySubject } from 'rxjs';
import { createMessage, type Message, type Receipt, type Wire } from '../../../lib/index.js';
import { lmdbStore } from '../../../lib/stores/lmdb/lmdbStore.js';
import { claim } from '../../../lib/wire/session/messageClaim.js';
import { network } from '../../support/sessionPair.js';
import { folder } from './folder.js';

describe('a client that dies before it has processed anything', () => {
  it('receives the messages sent in the meantime, and nothing is in doubt', async () => {
    const path = folder();
    const net = network();
    const failures: string[] = [];
    const server = net.serve({}, (wire) => {
      wire.errors$.subscribe(({ code }) => failures.push(code));
      wire.next(createMessage('test.said', 'hello', { delivery: 'exactly-once' }));
    });
    const life = () => {
      const store = lmdbStore({ path });
      const wire = net.connect({ outbox: store.outbox('client'), inbox: store.inbox });
      return { store, wire, message: firstValueFrom(wire.pipe(filter((message: Message) => claim(message) !== undefined))) };
    };
    const first = life();
    await first.message;
    first.wire.unsubscribe();
    first.store.close();

    const second = life();
    expect(await second.message).toMatchObject({ payload: 'hello' });
    expect(failures).not.toContain('ERR_IN_DOUBT');
    second.wire.unsubscribe();
    second.store.close();
    server.unsubscribe();
  });
});

describe('a server that crashes before an ack arrives', () => {
  it('receives from the returning client the numbers that it has processed', async () => {
    const path = folder();
    const net = network();
    const message = createMessage('greeting', 'hello', { delivery: 'exactly-once' });
    const life = (onWire: (wire: Wire) => void) => {
      const store = lmdbStore({ path });
      const server = net.serve({ inbox: store.inbox, outbox: store.outbox }, onWire);
      return () => {
        server.unsubscribe();
        store.close();
      };
    };
    const end = life((wire) => wire.next(message));
    const client = net.connect();
    await firstValueFrom(client);
    net.silence(true);
    end();

    const receipts$ = new ReplaySubject<Receipt>();
    const endSecond = life((wire) => wire.receipts$.subscribe(receipts$));
    net.silence(false);
    net.cut();
    const { latency } = await firstValueFrom(receipts$.pipe(filter(({ id, status }) => id === message.id && status === 'acked')));
    expect(latency).toBeLessThan(5_000);
    client.unsubscribe();
    endSecond();
  });
});
