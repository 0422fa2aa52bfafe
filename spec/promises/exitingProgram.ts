/** A program that ends while its messages are pending, for exitTellsLosses.spec.ts. Its arguments name what it does, and a folder. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { lmdbOutbox } from '../../lib/adapters/node/index.js';
import { testWire } from '../../lib/adapters/testing/testWire.js';
import { channel, connect, createMessage, webSocket, type ConnectOptions, type Message, type Wire } from '../../lib/index.js';
import { listen } from '../../lib/server/index.js';
import { createIdleWire } from '../../lib/wire/idleWire.js';

const [, , program = '', path = ''] = process.argv;
const rows = Array.from({ length: 10_000 }, (_, row) => createMessage('row.added', row, { id: `row${row}` }));
const nowhere = (options: Partial<ConnectOptions> = {}, port = 1) =>
  connect({ link: webSocket(`ws://127.0.0.1:${port}/wire`), ...options });
const sendRows = (wire: { next(message: Message): void }, count = rows.length): void =>
  rows.slice(0, count).forEach((row) => wire.next(row));
const stored = () => nowhere({ outbox: lmdbOutbox({ path, name: 'rows' }) });

/** A server in this process, and a client of it. */
async function served(onWire: (wire: Wire) => void = (wire) => wire.subscribe()): Promise<Wire> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  listen(server).subscribe(onWire);
  return nowhere({}, (server.address() as AddressInfo).port);
}

const programs: Readonly<Record<string, () => unknown>> = {
  'next, exit(0)'() {
    sendRows(nowhere());
    process.exit(0);
  },
  'next, exit() later'() {
    sendRows(nowhere());
    setTimeout(() => process.exit(), 50);
  },
  'send, exit(0)'() {
    void nowhere().send(rows[0]!);
    process.exit(0);
  },
  'complete, exit(0)'() {
    const wire = nowhere();
    sendRows(wire, 3);
    wire.complete();
    process.exit(0);
  },
  'exit(7)'() {
    sendRows(nowhere(), 1);
    process.exit(7);
  },
  'an uncaught exception'() {
    sendRows(nowhere(), 2);
    throw new Error('boom');
  },
  'two wires'() {
    sendRows(nowhere(), 2);
    sendRows(nowhere({}, 2), 3);
    process.exit();
  },
  'fifteen wires'() {
    for (let port = 1; port <= 15; port++) sendRows(nowhere({}, port), 2);
    process.exit();
  },
  async 'a durable outbox that has stored two of three'() {
    const wire = stored();
    for (const row of rows.slice(0, 2)) await wire.send(row, { until: 'stored' });
    wire.next(rows[2]!);
    process.exit(0);
  },
  async 'a durable outbox that has stored all'() {
    await stored().send(rows[0]!, { until: 'stored' });
    process.exit(0);
  },
  async 'all are acked'() {
    const wire = await served();
    for (const row of rows.slice(0, 3)) await wire.send(row);
    process.exit(0);
  },
  async 'the wire of a server'() {
    const wire = await served((there) => {
      sendRows(there, 3);
      setTimeout(() => process.exit(0), 200);
    });
    wire.state$.subscribe();
  },
  'messages of rxwire only'() {
    const wire = nowhere();
    channel(wire, 'room.1').subscribe().unsubscribe();
    wire.next(createMessage('system.ping', { timestamp: 0 }));
    process.exit(0);
  },
  'a wire of tests, and one of a rendered page'() {
    const { wire, cut } = testWire();
    cut();
    sendRows(wire, 2);
    sendRows(createIdleWire(), 2);
    process.exit(0);
  },
  unsubscribe() {
    for (let time = 0; time < 2; time++) {
      const wire = nowhere();
      sendRows(wire);
      wire.unsubscribe();
    }
  },
  'unsubscribe, with failures$'() {
    const wire = nowhere();
    wire.failures$.subscribe();
    sendRows(wire);
    wire.unsubscribe();
  },
  async 'unsubscribe, with a send that is awaited'() {
    const wire = nowhere();
    const sent = wire.send(rows[0]!).catch(() => undefined);
    wire.unsubscribe();
    await sent;
  },
  error() {
    const wire = nowhere();
    sendRows(wire);
    wire.error(new Error('the program gives up'));
  },
};

await programs[program]?.();
