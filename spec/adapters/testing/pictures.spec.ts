import { spawnSync } from 'node:child_process';

describe('docs/marbles', () => {
  it('shows the marbles of marbles/', () => {
    const check = spawnSync(process.execPath, ['node_modules/tsx/dist/cli.mjs', 'scripts/marbles.ts', '--check'], { encoding: 'utf8' });
    expect(check.stdout + check.stderr).toBe('');
    expect(check.status).toBe(0);
  }, 60_000);
});
