import { jest } from '@jest/globals';
import { describeWith } from '../support/debian.js';
import { startNginx } from '../support/nginx.js';
import { cases, transports, type Transport } from './cases.js';
import { startServer } from './server.js';

jest.setTimeout(20_000);

describeWith('nginx', 'behind nginx', (program) => {
  describe.each(Object.keys(transports) as Transport[])('%s, from Node', (transport) => {
    let server: Awaited<ReturnType<typeof startServer>>;
    beforeAll(async () => void (server = await startServer({}, (port) => startNginx(program, port))));
    afterAll(() => server.close());

    it.each(Object.entries(cases))('%s', (_, run) => run({ transport, url: server.url }));
  });
});
