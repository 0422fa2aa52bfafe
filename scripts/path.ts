/**
 * npm run path: which functions of lib/ one acked message calls, and how often, from `wire.send(createMessage(…))` to its ack; then the same for
 * the opening of a connection. The calls of RxJS's own functions are counted, too. With -- --check it fails over budget. The last line is JSON.
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
  /** The calls of functions of lib/. */
  readonly calls: number;
  /** The calls of functions of RxJS. */
  readonly rxjs: number;
}

/** What an action may take, client and server together. A function of both sides counts once, and each of its calls counts. */
const BUDGETS = {
  // 2 calls of a message, and 14 of a connection, are checks and warnings for developers, which a bundle for production does not have.
  message: { files: 43, functions: 169, calls: 246, rxjs: 29 },
  connection: { files: 73, functions: 346, calls: 682, rxjs: 307 },
} satisfies Readonly<Record<string, Counts>>;
type Action = keyof typeof BUDGETS;
/** How often each action runs before it is counted. */
const WARM_UP = 5;
/** How often each action is counted, one by one: the counts of the median are printed. */
const COUNTED = 5;
/** How long both sides must be quiet before and after an action, in ms: an ack may be delayed by less than that. */
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

/** The functions of lib/ that one action called, and the number of calls of RxJS's functions. */
interface Calls {
  readonly own: readonly Called[];
  readonly rxjs: number;
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

/** The functions that were called since the last time that this was asked. */
async function takeCalls(session: Session): Promise<Calls> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const own: Called[] = [];
  let rxjs = 0;
  for (const { url, functions } of result) {
    // The range of a module itself begins at 0, and is no function.
    const called = functions.flatMap(({ functionName: name, ranges: [range] }) =>
      range && range.count > 0 && range.startOffset > 0 ? [{ name, count: range.count, offset: range.startOffset }] : [],
    );
    if (url.includes('/node_modules/rxjs/')) rxjs += called.reduce((sum, { count }) => sum + count, 0);
    if (!url.startsWith(pathToFileURL(built).href) || called.length === 0) continue;
    const path = fileURLToPath(url);
    const file = path.slice(built.length).replace(/\.js$/, '.ts');
    const lineOf = linesOf(path);
    own.push(...called.map(({ name, count, offset }) => ({ file, line: lineOf(offset), name, count })));
  }
  return { own, rxjs };
}

function countsOf({ own, rxjs }: Calls): Counts {
  return {
    files: new Set(own.map(({ file }) => file)).size,
    functions: own.length,
    calls: own.reduce((sum, { count }) => sum + count, 0),
    rxjs,
  };
}
const totalOf = (calls: Calls): number => countsOf(calls).calls + calls.rxjs;

/**
 * Runs each action several times, and takes the calls of each run when it has ended and both sides are quiet. The messages go from one client to
 * the server, exactly-once; each connection is that of a new client.
 */
async function measure(): Promise<Readonly<Record<Action, readonly Calls[]>>> {
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
  const open = (): Rxwire.Wire => connect({ link: webSocket(`ws://127.0.0.1:${port}/wire`), codec: msgpack(), delivery: 'exactly-once' });
  const repeated = async (action: () => Promise<unknown>, after?: () => void): Promise<readonly Calls[]> => {
    const all: Calls[] = [];
    for (let count = 0; count < WARM_UP + COUNTED; count++) {
      await takeCalls(session);
      await action();
      await sleep(QUIET);
      if (count >= WARM_UP) all.push(await takeCalls(session));
      after?.();
      await sleep(QUIET);
    }
    return all.sort((one, other) => totalOf(one) - totalOf(other));
  };

  let wire = open();
  const message = await repeated(() => wire.send(createMessage('path.item', PAYLOAD)));
  wire.complete();
  const connection = await repeated(
    () => {
      wire = open();
      return new Promise<void>((resolve) => wire.state$.subscribe(({ status }) => status === 'connected' && resolve()));
    },
    () => wire.complete(),
  );
  return { message, connection };
}

function print({ own }: Calls): void {
  for (const file of [...new Set(own.map((one) => one.file))].sort()) {
    const functions = own.filter((one) => one.file === file);
    console.log(`${String(functions.reduce((sum, { count }) => sum + count, 0)).padStart(5)}  ${file}`);
    for (const { name, line, count } of functions.sort((one, other) => one.line - other.line))
      console.log(`${String(count).padStart(11)} × ${name || '(anonymous)'}, line ${line}`);
  }
}

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
try {
  await compile();
  const measured = await measure();
  const counts: Partial<Record<Action, Counts>> = {};
  for (const action of ['message', 'connection'] as const) {
    const median = measured[action][Math.floor(COUNTED / 2)] as Calls;
    const found = (counts[action] = countsOf(median));
    console.log(`\n== one ${action}`);
    print(median);
    console.log(`calls of each of ${COUNTED}, with RxJS's own: ${measured[action].map(totalOf).join(', ')}`);
    const over = (['files', 'functions', 'calls', 'rxjs'] as const).filter((key) => found[key] > BUDGETS[action][key]);
    for (const key of over) console.log(`OVER BUDGET: one ${action}: ${found[key]} ${key}, of ${BUDGETS[action][key]}`);
    if (values.check && over.length > 0) process.exitCode = 1;
  }
  console.log(JSON.stringify(counts));
} finally {
  rmSync(built, { recursive: true, force: true });
  // The server and the client still run.
  setImmediate(() => process.exit());
}
