import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { finalize } from 'rxjs';
import { fallback } from '../../lib/io/fallback.js';
import type { DescribedLink, Frame, Link } from '../../lib/io/link.js';
import { longPolling } from '../../lib/io/longPolling.js';
import { serverSentEvents } from '../../lib/io/serverSentEvents.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { connect } from '../../lib/wire/connect.js';
import { describeWith } from '../support/debian.js';
import { startNginx } from '../support/proxies.js';
import { record } from '../support/record.js';
import { startServer } from './server.js';

jest.setTimeout(20_000);

/** How a proxy keeps WebSockets from getting through. */
const blocks: Readonly<Record<string, (config: string, hole: number) => string>> = {
  'forwards no upgrade': (config) => config.replaceAll(/proxy_set_header (Upgrade|Connection) .*/g, 'proxy_set_header $1 "";'),
  'refuses upgrades': (config) => config.replace('proxy_pass', 'if ($http_upgrade) { return 403; } proxy_pass'),
  'never answers upgrades': (config, hole) =>
    config.replace('proxy_pass', `if ($http_upgrade) { proxy_pass http://127.0.0.1:${hole}; } proxy_pass`),
};

describeWith('nginx', 'with WebSockets blocked by a proxy', (program) => {
  it.each(Object.entries(blocks))('that %s, the first message arrives within 1 s of giving up on it', async (_, block) => {
    // What it accepts it never answers.
    const hole = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(hole, 'listening');
    const { port } = hole.address() as AddressInfo;
    const server = await startServer({}, (target) => startNginx(program, target, (config) => block(config, port)));

    let gaveUp = NaN;
    const noting =
      (link: Link<Frame> & DescribedLink): Link<Frame> =>
      (outgoing) =>
        link(outgoing).pipe(finalize(() => (gaveUp = performance.now())));
    const link = fallback(noting(webSocket(server.url)), serverSentEvents(server.url), longPolling(server.url), { timeout: 500 });
    const wire = connect({ link, reconnect: false });
    const messages = record(wire);
    const arrived = messages.take(1).then(() => performance.now());
    wire.next(createMessage('test.echo', 'hello'));
    expect((await arrived) - gaveUp).toBeLessThan(1_000);
    expect([messages.values.length, wire.state.protocol, wire.state.metrics.errors]).toEqual([1, 'sse', 0]);

    wire.unsubscribe();
    await server.close();
    hole.close();
  });
});
