import { filter, firstValueFrom } from 'rxjs';
import { createMessage, type Message } from '../../lib/index.js';
import { lmdbStore } from '../../lib/node/lmdbStore.js';
import { claim } from '../../lib/session/claims.js';
import { network } from '../support/sessionPair.js';
import { folder } from './folder.js';

describe('a client that dies before it has processed anything', () => {
  it('gets what was sent to it then, and nothing is in doubt', async () => {
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
