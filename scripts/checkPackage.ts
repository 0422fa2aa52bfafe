/**
 * npm run check:package: checks the size of the package, packs it, installs it where nothing of this repository is, and uses it as its users do.
 */
import { build } from 'esbuild';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { TEMPLATES } from '../lib/adapters/cli/newCommand.js';
import { freePort } from '../spec/support/freePort.js';
import { aiVersions } from './support/aiVersions.js';
import { checkPage, installProject, newProject } from './support/newProjects.js';
import { pack, packedFiles } from './support/pack.js';
import { packageReport, packageSize } from './support/packageBudget.js';
import { root, run, tool } from './support/run.js';

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

/** The oldest TypeScript whose default `target` is ES5 that people still use. It is not a dependency of the repository: it is installed here only. */
const TYPESCRIPT_5 = '5.9.3';

const core =
  'connect, webSocket, memoryLink, msgpack, json, createMessage, ofType, retryBackoff, dedupe, batchByKey, priorityMerge, ackWithin';

/** What every user's program does, whatever the way the package is loaded. */
const use = `
const missing = [${core}].filter((one) => typeof one !== 'function').length;
if (missing > 0) throw new Error(missing + ' exports are no functions');
const seen: string[] = [];
of('a', 'b', 'a').pipe(dedupe({ key: (letter) => letter })).subscribe((letter) => seen.push(letter));
if (seen.join() !== 'a,b') throw new Error('dedupe has let through ' + seen.join());
`;
const untyped = use.replace(': string[]', '');

/** Compares the size of the package with its budget. */
async function size(): Promise<void> {
  const { lines, isOver } = packageReport(packageSize(await packedFiles()));
  console.log(lines.join('\n'));
  if (isOver) process.exit(1);
}

/** In a fresh folder: the tarball, and beside it what it needs, each in the version that is installed here. */
async function install(folder: string): Promise<void> {
  const manifest = await read<Manifest>('package.json');
  const beside = { ...manifest.dependencies, ...manifest.peerDependencies, '@types/node': '', '@types/ws': '' };
  const pinned = Object.keys(beside).map(async (name) => [name, (await read<Manifest>(`node_modules/${name}/package.json`)).version]);
  const tarball = await pack(folder);
  const dependencies = {
    ...Object.fromEntries(await Promise.all(pinned)),
    rxwire: `file:${tarball}`,
    'typescript-5': `npm:typescript@${TYPESCRIPT_5}`,
  } as unknown;
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  await run('npm', ['install', '--silent', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], folder);
  await tool('@arethetypeswrong/cli/dist/index.js', tarball, '--format', 'table-flipped');
}

/** Loads every door as an ES module and as CommonJS. */
async function load(folder: string): Promise<void> {
  const doors = `[typeof listen, typeof fetchHandler, typeof durableObjectStore, typeof marble, typeof createMetrics, typeof openTelemetryMetrics, typeof prometheusMetrics, typeof natsChannelLog, typeof postgresStore].forEach((type) => { if (type !== 'function') throw new Error('a door is shut'); });`;
  await write(folder, {
    'load.mjs': `import { of } from 'rxjs'; import { ${core} } from 'rxwire'; import { listen } from 'rxwire/server'; import { fetchHandler } from 'rxwire/fetch'; import { durableObjectStore } from 'rxwire/durable-objects';
      import { marble } from 'rxwire/testing'; import { createMetrics } from 'rxwire/metrics'; import { prometheusMetrics } from 'rxwire/prometheus'; import { natsChannelLog } from 'rxwire/nats'; import { postgresStore } from 'rxwire/postgres';
      import { openTelemetryMetrics } from 'rxwire/opentelemetry'; import { provideWire } from 'rxwire/angular'; provideWire(() => undefined); ${untyped} ${doors}`,
    'load.cjs': `const { of } = require('rxjs'); const { ${core} } = require('rxwire'); const { listen } = require('rxwire/server'); const { fetchHandler } = require('rxwire/fetch'); const { durableObjectStore } = require('rxwire/durable-objects');
      const { marble } = require('rxwire/testing'); const { createMetrics } = require('rxwire/metrics');
      const { prometheusMetrics } = require('rxwire/prometheus'); const { natsChannelLog } = require('rxwire/nats'); const { postgresStore } = require('rxwire/postgres'); const { openTelemetryMetrics } = require('rxwire/opentelemetry');
      ${untyped} ${doors}`,
  });
  await run(process.execPath, ['load.mjs'], folder);
  // As Jest loads it: nothing that is required may be an ES module.
  await run(process.execPath, ['--no-experimental-require-module', 'load.cjs'], folder);
}

/**
 * Type-checks users: with a bundler and no types of Node, on Node as either kind of module, and with TypeScript 5 and its default target. Declarations are
 * checked too.
 */
async function typecheck(folder: string): Promise<void> {
  const browser = `import { of } from 'rxjs'; import { ${core} } from 'rxwire'; import { marble } from 'rxwire/testing'; ${use} marble;`;
  const others = [
    'durable-objects',
    'fetch',
    'indexeddb',
    'metrics',
    'nats',
    'node',
    'opentelemetry',
    'postgres',
    'prometheus',
    'protobuf',
  ];
  const node = `import { createServer } from 'node:http'; import { listen } from 'rxwire/server'; ${browser}
    ${others.map((name, index) => `import * as other${index} from 'rxwire/${name}'; other${index};`).join(' ')}
    declare module 'rxwire' { interface MessageTypes { 'chat.said': { readonly text: string } } }
    listen(createServer()).subscribe((wire) => wire.pipe(ofType('chat.said')).subscribe(({ payload }) => payload.text.at(0)));
    // @ts-expect-error -- the text must be a string
    createMessage('chat.said', { text: 1 });`;
  const options = { strict: true, noEmit: true, skipLibCheck: false, rootDir: '.' };
  const dom = { ...options, module: 'ESNext', moduleResolution: 'bundler', types: [] };
  const projects = {
    browser: { ...dom, target: 'ES2022', lib: ['ES2022', 'DOM'] },
    node: { ...options, target: 'ES2022', module: 'node16', lib: ['ES2022'], types: ['node'] },
    'typescript-5': dom,
  };
  await write(folder, { 'browser/main.ts': browser, 'node/esm.mts': node, 'node/cjs.cts': node, 'typescript-5/main.ts': browser });
  for (const [name, compilerOptions] of Object.entries(projects)) {
    await write(folder, { [`${name}/tsconfig.json`]: JSON.stringify({ compilerOptions }) });
    const compiler = name === 'typescript-5' ? join(folder, 'node_modules/typescript-5/bin/tsc') : `${root}node_modules/typescript/bin/tsc`;
    await run(process.execPath, [compiler, '-p', join(folder, name)]);
  }
}

/** Bundles for a browser, from ES modules and from CommonJS, and runs the operators where there is only JavaScript. */
async function bundle(folder: string): Promise<void> {
  await write(folder, {
    'bundle.mjs': `import { of } from 'rxjs'; import { ${core} } from 'rxwire'; ${untyped}`,
    'bundle.cjs': `const { of } = require('rxjs'); const { ${core} } = require('rxwire'); ${untyped}`,
  });
  for (const entry of ['bundle.mjs', 'bundle.cjs']) {
    const entryPoints = [join(folder, entry)];
    const { outputFiles, metafile } = await build({
      entryPoints,
      bundle: true,
      write: false,
      metafile: true,
      platform: 'browser',
      format: 'iife',
    });
    const strange = Object.keys(metafile.inputs).filter((file) => file.includes('/ws/') || file.includes('nodeWebSocket'));
    if (strange.length > 0) throw new Error(`${entry} bundles what is for Node: ${strange.join(', ')}`);
    runInContext(outputFiles[0]?.text ?? '', createContext({}));
  }
}

/** Uses the command as a script does. */
async function command(folder: string): Promise<void> {
  const script = `
set -euo pipefail
export PATH="$PWD/node_modules/.bin:$PATH"
rxwire --help | grep -q 'rxwire .options. .command.'
rxwire serve --port 0 --store store > served.txt & server=$!
trap 'kill $server' EXIT
until grep -q listening served.txt; do kill -0 $server; sleep 0.1; done
url=$(grep -o 'ws://[^"]*' served.txt)
seq 1 100 | rxwire send "$url" --type n --channel c
rxwire tail "$url" c --from start | head -3 | grep -o '"payload":[0-9]*' > lines.txt
printf '"payload":%s\\n' 1 2 3 | cmp - lines.txt
`;
  await write(folder, { 'command.sh': script });
  await run('bash', ['--norc', 'command.sh'], folder);
}

/** Uses the command where only what npm installs with the package is: neither `ws` nor another optional peer. */
async function commandAlone(folder: string): Promise<void> {
  const alone = join(folder, 'alone');
  const dependencies = (await read<Manifest>(join(folder, 'package.json'))).dependencies;
  await write(alone, {
    'package.json': JSON.stringify({ private: true, dependencies: { rxwire: dependencies['rxwire'] } }),
    'command.sh': `
set -euo pipefail
export PATH="$PWD/node_modules/.bin:$PATH"
! test -e node_modules/ws
rxwire serve --port 0 > served.txt & server=$!
trap 'kill $server' EXIT
until grep -q listening served.txt; do kill -0 $server; sleep 0.1; done
test "$(rxwire request "$(grep -o 'ws://[^"]*' served.txt)" echo 1 --transport websocket)" = 1
`,
  });
  await run('npm', ['install', '--silent', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], alone);
  await run('bash', ['--norc', 'command.sh'], alone);
}

/** Uses the adapter of the AI SDK with each version that the package accepts. */
async function ai(folder: string): Promise<void> {
  await aiVersions(folder, await tarballIn(folder));
}

/** Makes the projects of `rxwire new`, and uses them as their pages say. npm run example:angular does this for Angular. */
async function newProjects(folder: string): Promise<void> {
  const tarball = await tarballIn(folder);
  for (const template of TEMPLATES.filter((name) => name !== 'angular')) {
    await newProject(template, join(folder, 'new', template));
    await installProject(join(folder, 'new', template), tarball);
    await run('npm', ['test', '--silent'], join(folder, 'new', template));
  }
  process.env['PORT'] = String(await freePort());
  await run('npm', ['start', '--silent'], join(folder, 'new/node'));
  for (const template of ['assistant', 'chat']) await checkPage(join(folder, 'new', template));
  for (const template of ['express', 'fastify', 'nest']) await checkPage(join(folder, 'new', template), '/me', 401);
}

async function tarballIn(folder: string): Promise<string> {
  const { dependencies } = await read<Manifest>(join(folder, 'package.json'));
  return (dependencies['rxwire'] ?? '').replace('file:', '');
}

async function read<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(resolve(root, file), 'utf8')) as T;
}

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'rxwire-package-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
await tool('publint/src/cli.js', join(root, 'dist'));
for (const step of [size, install, load, typecheck, bundle, command, commandAlone, ai, newProjects]) {
  await step(folder);
  console.log(`${step.name}: ok`);
}
