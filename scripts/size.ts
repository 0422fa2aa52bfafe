/**
 * npm run size: what an import adds to a browser bundle that has RxJS already, minified and gzipped, and what a client is with the RxJS that it
 * brings; fails over budget.
 */
import { build } from 'esbuild';
import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { bar } from './support/bar.js';
import { root } from './support/run.js';

const KIB = 1024;
/** What an operator should cost. Those that keep time, order and limits for many messages at once cost more: their options, errors and reports weigh it. */
const OPERATOR = 0.6;
const HEAVIER: Readonly<Record<string, number>> = {
  unbatch: 0.05,
  idempotent: 0.65,
  conflateByKey: 0.68,
  resequence: 0.73,
  batchByKey: 0.94,
  ackWithin: 1,
  priorityMerge: 1.52,
};
const operators = readdirSync(`${root}lib/operators`).flatMap((file) => (file.endsWith('.ts') ? [file.replace('.ts', '')] : []));

/** KiB that the importer of these names pays for at most. */
const budgets: readonly (readonly [names: string, kib: number])[] = [
  ...operators.map((name) => [name, HEAVIER[name] ?? OPERATOR] as const),
  ['createMessage', 0.25],
  ['sentenceOf', 2.03],
  ['request', 2.3],
  ['sendAll', 2.01],
  ['sendThrough', 2.05],
  ['reply', 2.95],
  ['channel', 9.02],
  ['pool', 2.2],
  ['gzipped', 6.89],
  ['sealed, keyring', 3.54],
  ['encryptPayload, decryptPayload, keyring', 7.06],
  ['meter', 0.36],
  ['meterWire', 0.74],
  ['queue', 6.12],
  ['deadLetter, memoryDeadLetters, replayDeadLetters', 1.17],
  ['connect, webSocket, json', 24.99],
  ['connect, webSocket, json, durable', 29.78],
  ['connect, webSocket, json, envelopeProtocol', 28.61],
  ['connect, webSocket, json, sharedLink', 27.49],
  ['connect, webSocket, json, webStorageOutbox, tabOutboxes', 33.54],
  ['serverSentEvents', 4.89],
  ['longPolling', 3.75],
  ['fallback', 1.27],
];

/** KiB that these names of an entry point add to a page that has a wire, channels and requests, without the peer of the entry point. */
const entryPoints: readonly (readonly [path: string, names: string, kib: number])[] = [
  ['ai', 'chatTransport, stopChat', 2.25],
  ['react', 'WireProvider, useWire, useConnection, useMessages, useChannel, usePresence, usePending, useReceipt, useRequest', 2.15],
  ['vue', 'createWirePlugin, useWire, useConnection, useMessages, useChannel, usePresence, usePending, useReceipt, useRequest', 2.11],
  [
    'angular',
    'provideWire, injectWire, injectConnection, injectMessages, injectChannel, injectPending, injectReceipt, injectRequest',
    2.47,
  ],
];
/** The packages that the pages of these frameworks have already. */
const PEERS = ['react', 'vue', '@angular/*'];

/** A bundle for browsers of what is exported by name; `rxwire` is the built package, found through its `exports` and `browser` fields. */
async function bundle(exported: string, external: string[] = []): Promise<Uint8Array> {
  const { outputFiles } = await build({
    stdin: { contents: exported, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external,
    tsconfigRaw: {}, // the project's own would lead back to lib/
    logLevel: 'error',
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

const zipped = (bytes: Uint8Array): number => gzipSync(bytes, { level: 9 }).length;

/** What of RxJS these names use. */
async function rxjsOf(names: string): Promise<string> {
  const input = 'names';
  const entry = {
    name: 'entry',
    resolveId: (id: string) => (id === input ? `${root}${input}.js` : undefined),
    load: (id: string) => (id === `${root}${input}.js` ? `export { ${names} } from 'rxwire';` : undefined),
  };
  // esbuild would keep the names that a chunk of the package imports for other exports.
  const { output } = await (
    await rolldown({ input, external: ['rxjs'], platform: 'browser', plugins: [entry], tsconfig: false })
  ).generate();
  const imports = [...output[0].code.matchAll(/import\s*\{([^}]*)\}\s*from\s*"rxjs"/g)].flatMap(([, list = '']) => list.split(','));
  return [...new Set(imports.map((one) => one.trim().split(' as ')[0]))].join(', ');
}

interface Size {
  /** What these names add to a bundle that has the same parts of RxJS without them, in KiB. */
  readonly own: number;
  /** The parts of RxJS that they use, and what those take alone, in KiB. */
  readonly rxjs: string;
  readonly rxjsSize: number;
}

async function sizeOf(names: string): Promise<Size> {
  const rxjs = await rxjsOf(names);
  const exported = `export { ${rxjs} } from 'rxjs';`;
  const alone = zipped(await bundle(exported));
  const all = zipped(await bundle(`${exported} export { ${names} } from 'rxwire';`));
  return { own: (all - alone) / KIB, rxjs, rxjsSize: alone / KIB };
}

function row(names: string, kib: number, budget: number): string {
  const share = kib / budget;
  const number = (value: number): string => value.toFixed(2).padStart(5);
  return `${names.padEnd(36)} ${bar(share)} ${number(kib)} of ${number(budget)} KiB ${share > 1 ? ' OVER BUDGET' : ''}`.trimEnd();
}

/** The smallest client, and the KiB that it may take with its part of RxJS. */
const CLIENT = 'connect, webSocket, json';
const CLIENT_WITH_RXJS = 29.37;

function check(names: string, kib: number, budget: number): void {
  console.log(row(names, kib, budget));
  if (kib > budget) process.exitCode = 1;
}

for (const [names, budget] of budgets) {
  const { own, rxjs, rxjsSize } = await sizeOf(names);
  check(names, own, budget);
  if (names !== CLIENT) continue;
  check(`${names}, with RxJS`, own + rxjsSize, CLIENT_WITH_RXJS);
  console.log(`  with ${rxjs.split(', ').length} parts of RxJS, ${rxjsSize.toFixed(2)} KiB alone: ${rxjs}`);
}

const page = "export { connect, webSocket, json, channel, request } from 'rxwire';";
const withoutEntryPoints = zipped(await bundle(page, PEERS));
for (const [path, names, budget] of entryPoints) {
  const all = zipped(await bundle(`${page} export { ${names} } from 'rxwire/${path}';`, PEERS));
  check(`rxwire/${path}`, (all - withoutEntryPoints) / KIB, budget);
}
