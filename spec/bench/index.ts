/** npm run bench -- [suite …] [--minutes 5]: compares with what it stands beside, and fails when a goal is missed. The last line is JSON. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { bundle } from '../chaos/bundle.js';
import type { Result, Results, Suite } from './bench.js';
import { isMet, table } from './table.js';

const suites: Readonly<Record<string, () => Promise<{ readonly suite: Suite }>>> = {
  operators: () => import('./operators.js'),
  queue: () => import('./queue.js'),
  requests: () => import('./requests.js'),
  routing: () => import('./routing.js'),
  codecs: () => import('./codecs.js'),
  wire: () => import('./wire.js'),
  single: () => import('./single.js'),
  meter: () => import('./meter.js'),
  lmdb: () => import('./lmdb.js'),
  postgres: () => import('./postgres.js'),
  idle: () => import('./idle.js'),
  channels: () => import('./channels.js'),
  streams: () => import('./streams.js'),
  stalled: () => import('./stalled.js'),
  floods: () => import('./floods.js'),
  pipe: () => import('./pipe.js'),
  deploy: () => import('./deploy.js'),
  cluster: () => import('./cluster.js'),
};

async function load(name: string): Promise<Suite> {
  const suite = suites[name];
  if (!suite) throw new RangeError(`no suite "${name}": there are ${Object.keys(suites).join(', ')}`);
  return (await suite()).suite;
}

/**
 * In a fresh process: what was compiled for one comparison, and the heap that it left, would change what the next one sees. And from a bundle: what runs the
 * sources gives each closure its name when it is made, which users do not pay for.
 */
async function measure(name: string, index: number, minutes: string): Promise<readonly Result[]> {
  const child = fork(bundle('spec/bench/index.ts'), [name, String(index)], {
    execArgv: [],
    env: { ...process.env, BENCH_MINUTES: minutes },
  });
  const [result] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as readonly unknown[];
  if (typeof result !== 'object' || result === null) throw new Error(`comparison ${index} of ${name} failed`);
  return [result as Results].flat();
}

async function runAll(names: readonly string[], minutes: string): Promise<void> {
  const all: Record<string, readonly Result[]> = {};
  for (const name of names) {
    const { length } = await load(name);
    const results: Result[] = [];
    for (let index = 0; index < length; index++) {
      if (process.stderr.isTTY) process.stderr.write(`\r${name}: ${index + 1} of ${length} `);
      results.push(...(await measure(name, index, minutes)));
    }
    console.log(`\n${name}, on Node ${process.version}\n\n${table(results)}\n`);
    if (!results.every(isMet)) process.exitCode = 1;
    all[name] = results;
  }
  console.log(JSON.stringify(all));
}

/** `peers` has options of its own: its processes are those of other libraries, too. */
const [suite, ...args] = process.argv.slice(2);
if (suite === 'peers') {
  await (await import('./peers/index.js')).runPeers(args);
  process.exit();
}

const { positionals, values } = parseArgs({ options: { minutes: { type: 'string', default: '' } }, allowPositionals: true });
const [name, index] = positionals;
if (process.send) process.send(await (await load(name ?? ''))[Number(index)]?.(), () => process.exit());
else await runAll(name === undefined ? Object.keys(suites) : positionals, values.minutes);
