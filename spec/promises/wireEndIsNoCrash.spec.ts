import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { buildSync } from 'esbuild';

const outfile = 'node_modules/.cache/rxwire/refusedClient.mjs';

describe('a refused token', () => {
  it('completes streams derived from the wire, and does not end the process', async () => {
    buildSync({
      entryPoints: ['spec/promises/refusedClient.ts'],
      outfile,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
    });
    const { stdout } = await promisify(execFile)(process.execPath, [outfile], { timeout: 20_000 });
    expect(JSON.parse(stdout)).toEqual({
      said: [
        'channel completed',
        'channel.errors$ completed',
        'failures$ completed',
        'gaps$ completed',
        'later channel completed',
        'messageState completed',
        'presence$ completed',
        'receipts$ completed',
        'request failed: ERR_DROPPED',
        'state$ left ERR_UNAUTHORIZED',
        'subscriptions$ completed',
        'wire.state$ completed',
      ],
      errors: expect.arrayContaining(['ERR_UNAUTHORIZED']) as unknown,
    });
  });
});
