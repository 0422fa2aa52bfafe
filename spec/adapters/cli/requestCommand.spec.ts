import { jest } from '@jest/globals';
import { of, throwError } from 'rxjs';
import { reply, ReplyError } from '../../../lib/index.js';
import { buildCli, killAll, runCli, startServer } from '../../support/cliProcess.js';
import { freePort } from '../../support/freePort.js';
import { wireServer } from '../../support/wireServer.js';

// A build, and processes that start and end.
jest.setTimeout(40_000);
beforeAll(buildCli);
afterEach(killAll);

describe('rxwire request', () => {
  it('prints the payload of each reply', async () => {
    const server = await wireServer((wire) => {
      wire.pipe(reply({ count: ({ payload }) => of(payload, 'two', { three: 3 }) })).subscribe(wire);
    });
    const { code, stdout, stderr } = await runCli(['request', server.url, 'count', '{"one":[1]}']);
    expect([code, stdout, stderr]).toEqual([0, '{"one":[1]}\n"two"\n{"three":3}\n', '']);
    await server.close();
  });

  it('has the exit code 1 when the other side answers with an error', async () => {
    const server = await wireServer((wire) => {
      wire.pipe(reply({ fail: () => throwError(() => new ReplyError('ERR_STOCK', 'no tea is left')) })).subscribe(wire);
    });
    const { code, stdout, stderr } = await runCli(['request', server.url, 'fail']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^rxwire: [^\n]*no tea is left[^\n]*\n$/);
    await server.close();
  });

  it('has the exit code 3 without a reply in time', async () => {
    const { url } = await startServer();
    const { code, stderr } = await runCli(['request', url, 'nobody', '--timeout', '100']);
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^rxwire: [^\n]*\(nobody\) within 100 ms\. It has no handler for this type, or its handler is slow \(see rxwire\/docs\/errors\.md#err_request_timeout\)\n$/,
    );
  });

  it('has the exit code 3, and says why, when there is no server', async () => {
    const port = await freePort();
    const { code, stderr } = await runCli(['request', `ws://127.0.0.1:${port}`, 'echo', '--no-reconnect']);
    expect(code).toBe(3);
    expect(stderr).toBe(
      `rxwire: the connection ended (1006): connect ECONNREFUSED 127.0.0.1:${port} (see rxwire/docs/errors.md#err_connection_lost)\n`,
    );
  });

  it.each(['websocket', 'sse', 'long-polling'])('reaches the server over %s', async (transport) => {
    const { url } = await startServer();
    const { code, stdout, stderr } = await runCli(['request', url, 'echo', 'hello', '--text', '--transport', transport]);
    expect([code, stdout, stderr]).toEqual([0, '"hello"\n', '']);
  });
});
