import { spawnSync } from 'node:child_process';
import { bundle } from '../chaos/bundle.js';

/** Runs the program to its end. */
function run(...args: readonly string[]) {
  const file = bundle('spec/promises/refusedJoiner.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], { encoding: 'utf8', timeout: 15_000 });
  return { code: status, said: stdout, warnings: stderr.split('\n').filter((line) => /throw|Uncaught|RxwireWarning/.test(line)) };
}

describe('A refused join without an error callback does not end the process', () => {
  it('is reported in errors$ of the wire', () => {
    expect(run('errors$')).toEqual({
      code: 0,
      said: '["ERR_CHANNEL_REFUSED","callback ERR_CHANNEL_REFUSED","alive"]',
      warnings: [],
    });
  });

  it('is a warning of the process if errors$ has no subscriber', () => {
    expect(run()).toEqual({
      code: 0,
      said: '["callback ERR_CHANNEL_REFUSED","alive"]',
      warnings: [expect.stringContaining('RxwireWarning: the hub refused to let this client join the channel secret: forbidden')],
    });
  });
});
