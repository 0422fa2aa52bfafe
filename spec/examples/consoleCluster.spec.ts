import { firstValueFrom, lastValueFrom, map, toArray } from 'rxjs';
import { execute, newRun, readRun } from '../../docs/examples/console/client.js';
import { outputIn } from '../../docs/examples/console/messages.js';
import { startConsole, type Console } from '../../docs/examples/console/server.js';
import { connect, msgpack, webSocket, type Wire } from '../../lib/index.js';
import { natsCluster } from '../../lib/stores/nats/index.js';
import { describeWith } from '../support/debian.js';
import { startNats, type Nats } from '../support/nats.js';

describeWith('nats-server', 'consoles of a cluster', (program) => {
  let nats: Nats;
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    nats = await startNats(program);
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  afterAll(() => nats.close());

  /** A node, and what makes it fall silent, as when its process dies. */
  async function start(node: string): Promise<{ readonly server: Console; readonly silence: () => Promise<void> }> {
    const connection = await nats.connect();
    const server = await startConsole({ port: 0, page: false, cluster: natsCluster({ connection, name: 'console', node }) });
    ends.push(
      () => connection.close(),
      () => server.close(),
    );
    return { server, silence: () => connection.close() };
  }
  function open({ url }: Console): Wire {
    const wire = connect({ link: webSocket(`${url.replace('http', 'ws')}/wire`), codec: msgpack() });
    ends.push(() => wire.unsubscribe());
    return wire;
  }

  it('end the runs of a node that has died, and no others', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const [names, other] = [newRun('box'), newRun('box')];
    const code = 'console.log("on"); setInterval(() => 0, 1_000);';
    await firstValueFrom(execute(open(b.server), code, names));
    const atA = open(a.server);
    await firstValueFrom(execute(atA, code, other));
    const read = lastValueFrom(readRun(atA, names).pipe(toArray()));
    await b.silence();

    const messages = await read;
    expect(messages.flatMap(outputIn).map(({ data }) => data)).toEqual(['on\n']);
    expect(messages.at(-1)).toMatchObject({ type: 'execution.error', payload: { error: { code: 'ERR_INTERRUPTED' } } });
    // The run of the node that lives goes on until its time is up.
    expect(await lastValueFrom(readRun(atA, other).pipe(map(({ payload }) => ('error' in payload ? payload.error.code : undefined))))).toBe(
      'ERR_TIME_LIMIT',
    );
  }, 40_000);
});
