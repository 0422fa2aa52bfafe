import { setTimeout as sleep } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { connect, createMessage } from 'rxwire';
import { describeWith } from '../support/debian.js';
import { startCaddy, startHaproxy, startNginx, type RunningProxy, type StartProxy } from '../support/proxies.js';
import { record } from '../support/record.js';
import { cases, linkOf, transports, type Transport } from './cases.js';
import { startServer } from './server.js';

jest.setTimeout(20_000);

const proxies = { nginx: startNginx, haproxy: startHaproxy, caddy: startCaddy } as const;

for (const [name, start] of Object.entries(proxies) as [keyof typeof proxies, StartProxy][])
  describeWith(name, `behind ${name}`, (program) => {
    let server: Awaited<ReturnType<typeof startServer>>;
    let proxy: RunningProxy;
    afterEach(() => server.close());
    const open = (transport: Transport) => {
      const wire = connect({ link: linkOf({ transport, url: server.url }), delivery: 'exactly-once', reconnect: { initialInterval: 5 } });
      const echoes = record(wire);
      return { wire, echoes, errors: record(wire.errors$) };
    };

    describe.each(Object.keys(transports) as Transport[])('%s, from Node', (transport) => {
      it.each(Object.entries(cases))('%s', async (_, run) => {
        server = await startServer({}, (port) => start(program, port));
        await run({ transport, url: server.url });
      });

      it('loses, doubles and reorders nothing when the proxy reloads or restarts', async () => {
        server = await startServer({}, async (port) => (proxy = await start(program, port)));
        const { wire, echoes } = open(transport);
        for (let number = 0; number < 600; number++) {
          wire.next(createMessage('test.echo', number));
          if (number % 200 === 100) await proxy.reload();
          else if (number % 10 === 0) await sleep(1);
        }
        const payloads = (await echoes.take(600)).map(({ payload }) => payload);
        expect(payloads).toEqual(Array.from({ length: 600 }, (_, number) => number));
        wire.unsubscribe();
      });

      it('keeps an idle connection open, with timeouts as much longer than the pings as in the file', async () => {
        // The factors of the defaults: 15 s, 25 s, and the 60 s of the files.
        const options = { pingInterval: 250, pollHold: 417 };
        server = await startServer(options, (port) => start(program, port, (config) => config.replaceAll('60s', '1s')));
        const { wire, echoes, errors } = open(transport);
        await wire.send(createMessage('test.echo', 1));
        await sleep(3_000);
        await wire.send(createMessage('test.echo', 2));
        expect([await echoes.take(2), errors.values]).toEqual([[expect.anything(), expect.anything()], []]);
        wire.unsubscribe();
      });
    });
  });
