/** npm run bench -- [suite …]: compares with what it stands beside, and fails when a goal is missed. The last line is JSON. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { bundle } from '../chaos/bundle.js';
import type { Result, Suite } from './bench.js';
import { isMet, table } from './table.js';

const suites: Readonly<Record<string, () => Promise<{ readonly suite: Suite }>>> = {
  operators: () => import('./operators.js'),
  queue: () => import('./queue.js'),
  requests: () => import('./requests.js'),
  routing: () => import('./routing.js'),
  codecs: () => import('./codecs.js'),
  wire: () => import('./wire.js'),
  meter: () => import('./meter.js'),
  lmdb: () => import('./lmdb.js'),
  idle: () => import('./idle.js'),
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
async function measure(name: string, index: number): Promise<Result> {
  const child = fork(bundle('spec/bench/index.ts'), [name, String(index)], { execArgv: [] });
  const [result] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as readonly unknown[];
  if (typeof result !== 'object' || result === null) throw new Error(`comparison ${index} of ${name} failed`);
  return result as Result;
}

async function runAll(names: readonly string[]): Promise<void> {
  const all: Record<string, readonly Result[]> = {};
  for (const name of names) {
    const { length } = await load(name);
    const results: Result[] = [];
    while (results.length < length) {
      if (process.stderr.isTTY) process.stderr.write(`\r${name}: ${results.length + 1} of ${length} `);
      results.push(await measure(name, results.length));
    }
    console.log(`\n${name}, on Node ${process.version}\n\n${table(results)}\n`);
    if (!results.every(isMet)) process.exitCode = 1;
    all[name] = results;
  }
  console.log(JSON.stringify(all));
}

const [name, index] = process.argv.slice(2);
if (process.send) process.send(await (await load(name ?? ''))[Number(index)]?.(), () => process.exit());
else await runAll(process.argv.length > 2 ? process.argv.slice(2) : Object.keys(suites));
