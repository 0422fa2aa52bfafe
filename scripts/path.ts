/**
 * npm run path: which functions of lib/ one acked message calls, and how often, from `wire.send(createMessage(…))` to its ack. With -- --check it fails
 * over budget. The last line is JSON.
 */
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { Session } from 'node:inspector/promises';
import { SourceMap, type SourceMapPayload } from 'node:module';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import type * as Rxwire from '../lib/index.js';
import type * as RxwireServer from '../lib/server/index.js';
import { filesBelow } from './support/filesBelow.js';
import { root } from './support/run.js';

interface Counts {
  readonly files: number;
  readonly functions: number;
  readonly calls: number;
}

/** What one message may take, client and server together. A function of both sides counts once, and each of its calls counts. */
const BUDGET: Counts = { files: 42, functions: 180, calls: 304 };
/** Messages before the first that is counted. */
const WARM_UP = 5;
/** Messages that are counted, one by one: the counts of the median are printed. */
const COUNTED = 5;
/** How long both sides must be quiet before and after a message, in ms: an ack may be delayed by less than that. */
const QUIET = 500;
const PAYLOAD = 'x'.repeat(100);
/** The interval of pings, in ms: no ping falls into the time that is counted. */
const PING_INTERVAL = 600_000;

const built = `${root}.tmp/path/${process.pid}/`;

/** Compiles lib/ file by file, and removes nothing but the types: each function is a function of the source. */
async function compile(): Promise<void> {
  const entryPoints = [...filesBelow(`${root}lib`, '.ts')];
  const options = { platform: 'node', format: 'esm', target: 'es2022', sourcemap: 'external' } as const;
  await build({ entryPoints, outdir: built, outbase: `${root}lib`, ...options });
}

/** A function of lib/, and how often it was called. */
interface Called {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly count: number;
}

/** Finds the line of the source at an offset of a compiled file. */
function linesOf(file: string): (offset: number) => number {
  const text = readFileSync(file, 'utf8');
  const map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')) as SourceMapPayload);
  return (offset) => {
    const before = text.slice(0, offset).split('\n');
    const entry = map.findEntry(before.length - 1, before.at(-1)?.length ?? 0);
    return 'originalLine' in entry ? entry.originalLine + 1 : 0;
  };
}

/** The functions of lib/ that were called since the last time that this was asked. */
async function takeCalls(session: Session): Promise<readonly Called[]> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  return result
    .filter(({ url }) => url.startsWith(pathToFileURL(built).href))
    .flatMap(({ url, functions }) => {
      const path = fileURLToPath(url);
      const file = path.slice(built.length).replace(/\.js$/, '.ts');
      const called = functions.map(({ functionName: name, ranges: [range] }) => ({
        name,
        count: range?.count ?? 0,
        offset: range?.startOffset ?? 0,
      }));
      // The range of a module itself begins at 0, and is no function.
      const counted = called.filter(({ count, offset }) => count > 0 && offset > 0);
      if (counted.length === 0) return [];
      const lineOf = linesOf(path);
      return counted.map(({ name, count, offset }) => ({ file, line: lineOf(offset), name, count }));
    });
}

function countsOf(called: readonly Called[]): Counts {
  return {
    files: new Set(called.map(({ file }) => file)).size,
    functions: called.length,
    calls: called.reduce((sum, { count }) => sum + count, 0),
  };
}

/** Sends messages one by one from a client to a server, exactly-once, and takes the calls of each when its ack has arrived and both sides are quiet. */
async function measure(): Promise<readonly (readonly Called[])[]> {
  const session = new Session();
  session.connect();
  // Before the first import: V8 counts only the calls of functions that it compiles from now on.
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  const { connect, createMessage, msgpack, webSocket } = (await import(`${built}index.js`)) as typeof Rxwire;
  const { listen } = (await import(`${built}server/index.js`)) as typeof RxwireServer;

  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  listen(server, { pingInterval: PING_INTERVAL }).subscribe((served) => served.subscribe());
  const { port } = server.address() as AddressInfo;
  const wire = connect({ link: webSocket(`ws://127.0.0.1:${port}/wire`), codec: msgpack(), delivery: 'exactly-once' });
  const send = async (): Promise<void> => {
    await wire.send(createMessage('path.item', PAYLOAD));
    await sleep(QUIET);
  };

  for (let count = 0; count < WARM_UP; count++) await send();
  const all: (readonly Called[])[] = [];
  while (all.length < COUNTED) {
    await takeCalls(session);
    await send();
    all.push(await takeCalls(session));
  }
  return all;
}

function print(called: readonly Called[]): void {
  for (const file of [...new Set(called.map((one) => one.file))].sort()) {
    const functions = called.filter((one) => one.file === file);
    console.log(`${String(countsOf(functions).calls).padStart(5)}  ${file}`);
    for (const { name, line, count } of functions.sort((one, other) => one.line - other.line))
      console.log(`${String(count).padStart(11)} × ${name || '(anonymous)'}, line ${line}`);
  }
}

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
try {
  await compile();
  const all = [...(await measure())].sort((one, other) => countsOf(one).calls - countsOf(other).calls);
  const median = all[Math.floor(all.length / 2)] ?? [];
  const counts = countsOf(median);
  print(median);
  console.log(`\ncalls of each of ${COUNTED} messages: ${all.map((called) => countsOf(called).calls).join(', ')}`);
  const over = (['files', 'functions', 'calls'] as const).filter((key) => counts[key] > BUDGET[key]);
  for (const key of over) console.log(`OVER BUDGET: ${counts[key]} ${key}, of ${BUDGET[key]}`);
  console.log(JSON.stringify(counts));
  if (values.check && over.length > 0) process.exitCode = 1;
} finally {
  rmSync(built, { recursive: true, force: true });
  // The server and the client still run.
  setImmediate(() => process.exit());
}
