import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom, from, Subject } from 'rxjs';
import { DrainTimeoutError, MessageDroppedError, UndeliveredError } from '../../lib/message/errors.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbOutbox } from '../../lib/adapters/node/index.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import { pool } from '../../lib/wire/pool/pool.js';
import type { Wire } from '../../lib/wire/wire.js';
import { freePort } from '../support/freePort.js';
import { protocols } from '../support/protocols.js';
import { record } from '../support/record.js';
import { wireServer } from '../support/wireServer.js';

const messages = (count: number, options: Parameters<typeof createMessage>[2] = {}): Message[] =>
  Array.from({ length: count }, (_, index) => createMessage('test.any', index, { ...options, id: `m${index + 1}` }));

/** A wire to a port on which no server listens. */
async function lonely(options: Partial<ConnectOptions> = {}): Promise<Wire> {
  return connect({ link: webSocket(`ws://127.0.0.1:${await freePort()}/wire`), drainTimeout: 100, ...options });
}

describe.each(protocols)('A stream that was not delivered does not end as a success (%s)', (_, protocol) => {
  it('ends the wire with a DrainTimeoutError that names the messages, when no server answers', async () => {
    const wire = await lonely({ protocol });
    const [here, errors, receipts] = [record(wire), record(wire.errors$), record(wire.receipts$)];
    const sent = wire.send(createMessage('test.any', null, { id: 'm0' }));
    from(messages(2)).subscribe(wire);
    const error = new DrainTimeoutError({ count: 3, ids: ['m0', 'm1', 'm2'], kept: 0 }, 100);
    expect(await here.ended).toEqual(error);
    expect(error).toMatchObject({ code: 'ERR_DRAIN_TIMEOUT', count: 3, ids: ['m0', 'm1', 'm2'], timeout: 100 });
    expect(errors.values.at(-1)).toEqual(error);
    expect(wire.state).toMatchObject({ status: 'error', error });
    const last = ['m0', 'm1', 'm2'].map((id) => ({ id, status: 'dead', error: new MessageDroppedError(id, 'closed') }));
    expect(receipts.values.slice(-3)).toEqual(last);
    await expect(sent).rejects.toEqual(new MessageDroppedError('m0', 'closed'));
  });

  it('counts at-most-once messages that were never sent, and names 100 messages at most', async () => {
    const wire = await lonely({ protocol, delivery: 'at-most-once' });
    const here = record(wire);
    from(messages(250)).subscribe(wire);
    expect(await here.ended).toMatchObject({ code: 'ERR_DRAIN_TIMEOUT', count: 250, kept: 0 });
    expect(((await here.ended) as DrainTimeoutError).ids).toEqual(messages(100).map(({ id }) => id));
  });

  it('completes the wire at once when it has nothing to send', async () => {
    const wire = await lonely({ protocol, drainTimeout: 60_000 });
    const here = record(wire);
    wire.complete();
    expect(await here.ended).toBe('complete');
    expect(wire.state.status).toBe('disconnected');
  });

  it('completes the wire when all messages are delivered', async () => {
    const arrived = new Subject<Message>();
    const all = record(arrived);
    const server = await wireServer((wire) => wire.subscribe((message) => arrived.next(message)));
    const wire = connect({ link: webSocket(server.url), protocol });
    const here = record(wire);
    from(messages(300)).subscribe(wire);
    expect(await here.ended).toBe('complete');
    expect(all.values.map(({ id }) => id)).toEqual(messages(300).map(({ id }) => id));
    await server.close();
  });

  it('ends the wire with an UndeliveredError when the server ends the session before it has processed the messages', async () => {
    const came = new Subject<Wire>();
    const serverWire = firstValueFrom(came);
    // Without a subscriber, the server accepts messages, but does not process them.
    const server = await wireServer((wire) => came.next(wire));
    const wire = connect({ link: webSocket(server.url), protocol });
    const here = record(wire);
    wire.next(createMessage('test.any', null, { id: 'm1' }));
    (await serverWire).complete();
    expect(await here.ended).toEqual(new UndeliveredError({ count: 1, ids: ['m1'], kept: 0 }));
    await server.close();
  });

  it('completes the wire of a server, and reports the DrainTimeoutError in its errors$', async () => {
    const came = new Subject<Wire>();
    const first = firstValueFrom(came);
    const server = await wireServer((wire) => came.next(wire), { drainTimeout: 100 });
    // The client does not subscribe, and so does not ack.
    const client = connect({ link: webSocket(server.url), protocol });
    client.next(createMessage('test.hello', null));
    const serverWire = await first;
    const [there, errors] = [record(serverWire), record(serverWire.errors$)];
    from(messages(2)).subscribe(serverWire);
    expect(await there.ended).toBe('complete');
    expect(errors.values.at(-1)).toEqual(new DrainTimeoutError({ count: 2, ids: ['m1', 'm2'], kept: 0 }, 100));
    client.unsubscribe();
    await server.close();
  });

  it('fails the destruction of a pool whose wires could not deliver their messages', async () => {
    const wire = await lonely({ protocol });
    const wires = pool({ open: () => wire, min: 1, max: 1, drainTimeout: 60_000 });
    const errors = record(wires.errors$);
    wire.next(createMessage('test.any', null, { id: 'm1' }));
    const error = new DrainTimeoutError({ count: 1, ids: ['m1'], kept: 0 }, 100);
    expect(await record(wires.destroy()).ended).toEqual(error);
    expect(errors.values).toEqual([error]);
  });

  it('fails the destruction of a pool that ends its wires before they have delivered their messages', async () => {
    const wire = await lonely({ protocol, drainTimeout: 60_000 });
    const wires = pool({ open: () => wire, min: 1, max: 1, drainTimeout: 100 });
    wire.next(createMessage('test.any', null, { id: 'm1' }));
    const error = new DrainTimeoutError({ count: 1, ids: ['m1'], kept: 0 }, 100);
    expect(await record(wires.destroy()).ended).toEqual(error);
    expect(await record(wires.destroy()).ended).toEqual(error);
  });
});

describe('A durable outbox keeps undelivered messages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('ends the wire with an error that says how many messages are kept, and the next wire sends them', async () => {
    const path = join(folder, 'outbox');
    const wire = await lonely({ outbox: lmdbOutbox({ path }), drainTimeout: 300 });
    const here = record(wire);
    from([...messages(3), createMessage('test.any', null, { id: 'once', delivery: 'at-most-once' })]).subscribe(wire);
    const error = await here.ended;
    expect(error).toMatchObject({ code: 'ERR_DRAIN_TIMEOUT', count: 4, kept: 3 });
    expect(String(error)).toContain('The outbox keeps 3 of them for the next wire');

    const arrived = new Subject<Message>();
    const all = record(arrived);
    const server = await wireServer((serverWire) => serverWire.subscribe((message) => arrived.next(message)));
    const next = connect({ link: webSocket(server.url), outbox: lmdbOutbox({ path }) });
    const after = record(next);
    expect((await all.take(3)).map(({ id }) => id)).toEqual(['m1', 'm2', 'm3']);
    next.complete();
    expect(await after.ended).toBe('complete');
    await server.close();
  });
});

it('A server that stops reports a DrainTimeoutError on each wire whose messages were not delivered in time', async () => {
  const shutdown$ = new Subject<void>();
  const came = new Subject<Wire>();
  const first = firstValueFrom(came);
  const server = await wireServer((wire) => came.next(wire), { shutdown$, drainTimeout: 100 });
  const client = connect({ link: webSocket(server.url), reconnect: false });
  client.next(createMessage('test.hello', null));
  const serverWire = await first;
  const [there, errors] = [record(serverWire), record(serverWire.errors$)];
  from(messages(1)).subscribe((message) => serverWire.next(message));
  shutdown$.next();
  expect(await there.ended).toBe('complete');
  expect(errors.values).toEqual([new MessageDroppedError('m1', 'closed'), new DrainTimeoutError({ count: 1, ids: ['m1'], kept: 0 }, 100)]);
  client.unsubscribe();
  await server.close();
});
