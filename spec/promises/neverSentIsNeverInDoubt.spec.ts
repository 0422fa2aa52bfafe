import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom, filter } from 'rxjs';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbOutbox } from '../../lib/stores/lmdb/lmdbOutbox.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { eventually } from '../support/eventually.js';
import { record, type Recording } from '../support/record.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { wireServer } from '../support/wireServer.js';

const order = (id: string): Message => createMessage('test.order', id, { id });
const orders = (...ids: readonly string[]): readonly Message[] => ids.map(order);
const idsOf = ({ values }: Recording<Message>): readonly string[] => values.map(({ id }) => id);
const isStatus = (wire: Wire, wanted: string) => firstValueFrom(wire.state$.pipe(filter(({ status }) => status === wanted)));

describe('a message that was never sent is never in doubt', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  /** A client with an outbox on the disk, and a server that forgets its clients when it restarts. */
  async function start() {
    const path = mkdtempSync(join(tmpdir(), 'rxwire-promise-'));
    cleanups.push(() => rmSync(path, { recursive: true }));
    const proxy = await tcpProxy(0);
    cleanups.push(() => proxy.close());
    return {
      proxy,
      async server(): Promise<{ readonly got: () => readonly string[]; readonly close: () => Promise<void> }> {
        const got: Recording<Message>[] = [];
        const server = await wireServer((wire) => got.push(record(wire)));
        proxy.aim(server.port);
        cleanups.push(() => server.close());
        return { got: () => got.flatMap(idsOf), close: () => server.close() };
      },
      client() {
        const wire = connect({
          link: webSocket(`ws://127.0.0.1:${proxy.port}/wire`),
          outbox: lmdbOutbox({ path }),
          delivery: 'exactly-once',
          reconnect: { initialInterval: 5, maxInterval: 20 },
        });
        cleanups.push(() => wire.unsubscribe());
        return { wire, receipts: record(wire.receipts$), errors: record(wire.errors$) };
      },
    };
  }

  it('sends messages stored offline, after the process has ended and the server has forgotten the client', async () => {
    const { client, server } = await start();
    const before = await server();
    const first = client();
    await first.wire.send(order('a'));
    expect(before.got()).toEqual(['a']);
    await before.close();
    await isStatus(first.wire, 'reconnecting');
    for (const message of orders('b', 'c')) first.wire.next(message);
    // Each message is stored, and the process ends.
    await new Promise((resolve) => setTimeout(resolve, 100));
    first.wire.unsubscribe();

    const after = await server();
    const second = client();
    await eventually(() => expect(after.got()).toEqual(['b', 'c']));
    await eventually(() =>
      expect(second.receipts.values.filter(({ status }) => status === 'acked').map(({ id }) => id)).toEqual(['b', 'c']),
    );
    expect(second.errors.values.map(({ code }) => code)).not.toContain('ERR_IN_DOUBT');
  });

  it('gives up messages sent into a dead connection, and sends those stored after it', async () => {
    const { client, server, proxy } = await start();
    const before = await server();
    const first = client();
    await first.wire.send(order('a'));
    const sent = firstValueFrom(first.wire.receipts$.pipe(filter(({ id, status }) => id === 'b' && status === 'sent')));
    proxy.freeze();
    first.wire.next(order('b'));
    await sent;
    await before.close();
    proxy.cut();
    await isStatus(first.wire, 'reconnecting');
    first.wire.next(order('c'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    first.wire.unsubscribe();

    const after = await server();
    const second = client();
    await eventually(() => expect(after.got()).toEqual(['c']));
    expect(second.errors.values).toMatchObject([{ code: 'ERR_IN_DOUBT', id: 'b' }]);
  });
});
