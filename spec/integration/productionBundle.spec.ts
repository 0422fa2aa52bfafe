import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { filter, firstValueFrom, map, Subscription, take, timeout, toArray } from 'rxjs';
import { WebSocket } from 'ws';
import type * as Rxwire from '../../lib/index.js';
import { createMessage, json } from '../../lib/index.js';
import type * as Server from '../../lib/server/index.js';
import { bundleVariant } from '../support/bundleVariant.js';

const VARIANTS = { development: 'lib/message/production.ts', checkBatch: 'lib/codec/productionBatch.ts' };

/** Bundles the client and the server as `imports` of package.json resolves for production. */
async function bundle(): Promise<typeof Rxwire & typeof Server> {
  const contents = `export * from './lib/index.ts'; export { listen } from './lib/server/index.ts';`;
  const outfile = await bundleVariant({ stdin: { contents, resolveDir: process.cwd() } }, 'production', VARIANTS);
  const bundled = (await import(outfile)) as typeof Rxwire & typeof Server;
  await rm(outfile);
  return bundled;
}

describe('a bundle for production', () => {
  let production: typeof Rxwire & typeof Server;
  const http = createServer();
  const errors: string[] = [];
  let url = '';
  const serving = new Subscription();
  beforeAll(async () => {
    production = await bundle();
    await new Promise<void>((listening) => http.listen(0, '127.0.0.1', listening));
    url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/wire`;
    const wires = production.listen(http).subscribe((wire) => {
      wire.errors$.subscribe(({ code }) => errors.push(code));
      wire.pipe(map(({ payload }) => createMessage('echo', payload))).subscribe(wire);
    });
    serving.add(wires);
  }, 60_000);
  afterAll(() => {
    serving.unsubscribe();
    http.closeAllConnections();
    http.close();
  });

  it('sends and receives messages through a lost connection, and refuses what JSON does not carry', async () => {
    const { connect, webSocket } = production;
    const sockets: WebSocket[] = [];
    class Socket extends WebSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args);
        sockets.push(this);
      }
    }
    const wire = connect({ link: webSocket(url, { WebSocket: Socket }), reconnect: { initialInterval: 10 } });
    const received = firstValueFrom(
      wire.pipe(
        map(({ payload }) => payload as number),
        take(600),
        toArray(),
        timeout(20_000),
      ),
    );
    const failed = wire.errors$.pipe(
      map(({ code }) => code),
      filter((code) => code !== 'ERR_CONNECTION_LOST'),
      take(2),
      toArray(),
    );
    const refused = firstValueFrom(failed);
    for (let index = 0; index < 300; index++) wire.next(createMessage('count', index));
    await firstValueFrom(wire.receipts$);
    sockets[0]?.terminate();
    wire.next(createMessage('map', new Map()));
    wire.next(createMessage('no\nname', 1));
    for (let index = 300; index < 600; index++) wire.next(createMessage('count', index));
    expect(await received).toEqual(Array.from({ length: 600 }, (_, index) => index));
    expect((await refused).sort()).toEqual(['ERR_ENCODE', 'ERR_INVALID_MESSAGE']);
    expect(sockets).toHaveLength(2);
    wire.unsubscribe();
  });

  it('checks at a server what a client sends', async () => {
    const codec: Rxwire.Codec = {
      ...json(),
      encode: (batch) => JSON.stringify(batch.map((message) => ({ ...message, priority: message.type === 'bad' ? 7 : 1 }))),
    };
    const { connect, webSocket } = production;
    const wire = connect({ link: webSocket(url, { WebSocket: WebSocket }), codec, reconnect: { initialInterval: 10 } });
    const answers = firstValueFrom(wire.pipe(timeout(20_000)));
    const dead = firstValueFrom(
      wire.receipts$.pipe(
        filter(({ id, status }) => id === 'bad' && status === 'dead'),
        timeout(20_000),
      ),
    );
    wire.next(createMessage('bad', 1, { id: 'bad' }));
    await dead;
    wire.next(createMessage('good', 2));
    expect(await answers).toMatchObject({ payload: 2 });
    expect(errors).toContain('ERR_INVALID_MESSAGE');
    wire.unsubscribe();
  });
});
