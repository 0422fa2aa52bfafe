import { firstValueFrom, map, take } from 'rxjs';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { wireServer } from '../support/wireServer.js';

const row = (id: string): Message => createMessage('test.row', id, { id });

describe('a wire whose last subscriber has unsubscribed', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  async function start(onWire: (wire: Wire) => void) {
    let served: Wire | undefined;
    const server = await wireServer((wire) => {
      served = wire;
      onWire(wire);
    });
    cleanups.push(() => server.close());
    const wire = connect({ link: webSocket(server.url), delivery: 'exactly-once' });
    cleanups.push(() => wire.unsubscribe());
    return { wire, served: () => served as Wire };
  }

  it.each([
    ['by an error of its own', (wire: Wire) => wire.pipe(map(({ id }) => fail(id))).subscribe({ error: () => undefined })],
    ['with take(1)', (wire: Wire) => wire.pipe(take(1)).subscribe()],
    ['with a Promise', (wire: Wire) => void firstValueFrom(wire)],
  ])('rejects later messages to their sender, and keeps them as dead letters: %s', async (_, onWire) => {
    const { wire, served } = await start(onWire);
    await wire.send(row('a'));
    const errors = record(served().errors$);
    expect(await wire.send(row('b'))).toMatchObject({ status: 'acked', outcome: 'dead-lettered' });
    expect(errors.values).toMatchObject([{ code: 'ERR_UNHANDLED', id: 'b' }]);
    const letters = record(served().deadLetters.list());
    expect((await letters.take(1)).map(({ message }) => message.id)).toEqual(['b']);
  });
});

function fail(id: string): never {
  throw new Error(`the application cannot handle ${id}`);
}
