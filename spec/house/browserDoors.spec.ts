import { build } from 'esbuild';
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { createContext, runInContext } from 'node:vm';
import { doors } from '../../scripts/support/doors.js';
import { inBrowsers, replacements } from '../support/inBrowsers.js';
import { importsOf, libImports, reachable, show, type Import } from './imports.js';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
const nodeDoors = ['server', 'adapters/node', 'adapters/prometheus', 'stores/nats', 'stores/postgres'];
const modules = (await doors()).map(({ module }) => `${module}.ts`);
const browserDoors = modules.filter((door) => !nodeDoors.includes(door.replace('/index.ts', '')));

/** `ws` and the modules of Node are for Node: only a file that bundlers for browsers replace may import them, and `ws` only when it is needed. */
const isForNode = ({ specifier, from, lazy }: Import): boolean => {
  const isModule = specifier === 'ws' || specifier.startsWith('node:') || builtinModules.includes(specifier.split('/')[0] ?? '');
  return isModule && !(replacements.has(from) && (lazy || specifier !== 'ws'));
};

const packageOf = (specifier: string): string => (/^(@[^/]+\/)?[^/]+/.exec(specifier) ?? [specifier])[0];

describe.each(browserDoors)('the browser door lib/%s', (door) => {
  it('imports nothing of Node', () => {
    expect(reachable(door, libImports()).filter(isForNode).map(show)).toEqual([]);
  });

  it('can be imported in a runtime with the globals of the language only', async () => {
    const { outputFiles } = await build({
      entryPoints: [`lib/${door}`],
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'door',
      platform: 'browser',
      // What @datadog/sketches-js writes its sketches with, which nobody asks it to.
      external: ['ws', 'protobufjs/minimal'],
      logLevel: 'error',
      plugins: [inBrowsers],
    });
    // The library of Protocol Buffers reads descriptors while it is loaded.
    const context = createContext(door === 'codec/protobuf/index.ts' ? { TextEncoder, TextDecoder } : {});
    runInContext(outputFiles[0]!.text, context);
    expect(runInContext('Object.keys(door).length', context)).toBeGreaterThan(0);
  });
});

describe('the doors', () => {
  it.each(modules)('lib/%s exists', (door) => {
    expect(existsSync(`lib/${door}`)).toBe(true);
  });

  it('stand on the packages that the manifest names, and on Node', () => {
    const named = { ...manifest.dependencies, ...manifest.peerDependencies };
    // The command is bundled with its parser.
    const isOfCommand = ({ from, specifier }: Import): boolean => from.startsWith('adapters/cli/') && specifier === 'commander';
    const strange = libImports().filter(
      (one) => one.file === undefined && !one.specifier.startsWith('node:') && !(packageOf(one.specifier) in named) && !isOfCommand(one),
    );
    expect(strange.map(show)).toEqual([]);
  });

  it('load lmdb only when a store is opened: the streams of rxwire/node do without it', () => {
    expect(
      reachable('adapters/node/index.ts', libImports())
        .filter(({ specifier }) => specifier === 'lmdb')
        .map(show),
    ).toEqual([]);
  });

  it('have a twin for every file that the browser field swaps', () => {
    const sources = [...replacements].flat().map((file) => `lib/${file}`);
    expect(sources.filter((file) => !existsSync(file))).toEqual([]);
  });
});

describe('the check of the browser doors', () => {
  it.each([
    ['a builtin', 'io/a.ts', `import { createHash } from 'node:crypto';`],
    ['a builtin under its old name', 'io/a.ts', `import fs from 'fs/promises';`],
    ['ws', 'io/a.ts', `const ws = await import('ws');`],
    ['ws, loaded with the module', 'io/nodeWebSocket.ts', `import WebSocket from 'ws';`],
  ])('refuses %s', (_, file, text) => {
    expect(importsOf(file, text).filter(isForNode)).toHaveLength(1);
  });

  it('allows the one lazy ws, and modules of Node where browsers get another file', () => {
    expect(importsOf('io/nodeWebSocket.ts', `await import('ws');`).filter(isForNode)).toEqual([]);
    expect(importsOf('server/nodePlatform.ts', `import { Socket } from 'node:net';`).filter(isForNode)).toEqual([]);
  });

  it('finds indirect imports, and ignores type imports', () => {
    const files = {
      'index.ts': `export * from './a.js';`,
      'a.ts': `import 'node:fs'; import type { B } from './b.js';`,
      'b.ts': `import 'ws';`,
    };
    const imports = Object.entries(files).flatMap(([file, source]) => importsOf(file, source));
    expect(reachable('index.ts', imports).map(({ specifier }) => specifier)).toEqual(['./a.js', 'node:fs']);
  });
});
