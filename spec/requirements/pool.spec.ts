import { filter, firstValueFrom, mergeMap, range, toArray } from 'rxjs';
import { PoolTimeoutError } from '../../lib/message/errors.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { connect } from '../../lib/wire/connect.js';
import { pool, type Pool } from '../../lib/wire/pool/pool.js';
import type { PoolOptions } from '../../lib/wire/pool/poolOptions.js';
import type { Wire } from '../../lib/wire/wire.js';
import { eventually } from '../support/eventually.js';
import { record } from '../support/record.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { wireServer } from '../support/wireServer.js';

/** R2, over real sockets. */
describe('a connection pool (min, max, acquireTimeout)', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function start(options: Partial<PoolOptions>) {
    const served: Wire[] = [];
    const arrived: unknown[] = [];
    const server = await wireServer((wire) => {
      served.push(wire);
      wire.subscribe(({ payload }) => arrived.push(payload));
    });
    const proxy = await tcpProxy(server.port);
    const link = webSocket(`ws://127.0.0.1:${proxy.port}/wire`);
    const reconnect = { initialInterval: 10, maxInterval: 50, jitter: 0 };
    const all: Pool = pool({ open: () => connect({ link, reconnect }), initialInterval: 10, ...options });
    cleanups.push(
      () => server.close(),
      () => proxy.close(),
      () => record(all.destroy()).ended,
    );
    const until = (is: (state: { readonly idle: number; readonly size: number }) => boolean): Promise<unknown> =>
      firstValueFrom(all.state$.pipe(filter(is)));
    return { all, proxy, served, arrived, until };
  }

  it('keeps min connections, opens up to max, and loses nothing while they are cut', async () => {
    const { all, proxy, served, arrived, until } = await start({ min: 2, max: 4, acquireTimeout: 20_000 });
    await until(({ idle }) => idle === 2);
    await eventually(() => expect(served).toHaveLength(2));
    const count = 200;
    const receipts$ = range(0, count).pipe(
      mergeMap((index) => {
        if (index % 50 === 49) proxy.cut();
        return all.use((wire) => wire.send(createMessage('note', index)));
      }, 16),
      toArray(),
    );
    expect((await firstValueFrom(receipts$)).every(({ status }) => status === 'acked')).toBe(true);
    expect(served.length).toBeLessThanOrEqual(4);
    expect(arrived.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(await record(all.destroy()).ended).toBe('complete');
  });

  it('has one connection at first and ten at most, by default', async () => {
    const { all, served, until } = await start({});
    await until(({ idle }) => idle === 1);
    await eventually(() => expect(served).toHaveLength(1));
    const leases = record(range(0, 12).pipe(mergeMap(() => all.acquire())));
    await leases.take(10);
    await eventually(() => expect(served).toHaveLength(10));
    expect(await firstValueFrom(all.state$)).toMatchObject({ size: 10, leased: 10, waiting: 2 });
    for (const { release } of leases.values) release();
    for (const { release } of (await leases.take(12)).slice(10)) release();
  });

  it('replaces a connection that the server has ended', async () => {
    const { served, until } = await start({ min: 1, max: 1 });
    await until(({ idle }) => idle === 1);
    await eventually(() => expect(served).toHaveLength(1));
    served[0]!.complete();
    await until(({ size }) => size === 0);
    await until(({ idle }) => idle === 1);
    await eventually(() => expect(served).toHaveLength(2));
  });

  it('fails waiting callers when there is no server', async () => {
    const { all, proxy } = await start({ min: 0, max: 2, acquireTimeout: 200 });
    proxy.refuse();
    expect(await record(all.acquire()).ended).toEqual(new PoolTimeoutError(200, 1, 0));
  });
});
