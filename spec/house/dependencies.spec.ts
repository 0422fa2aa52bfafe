import { readFileSync } from 'node:fs';
import { libImports, reachable } from './imports.js';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, unknown>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const { dependencies, peerDependencies, peerDependenciesMeta, devDependencies } = JSON.parse(
  readFileSync('package.json', 'utf8'),
) as Manifest;
const loaded = reachable('index.ts', libImports());

/** The packages of `import … from 'rxwire'`, and a file in which each does its work at run time. */
const WORK = {
  rxjs: 'wire/wire.ts',
  'rxjs-websockets': 'io/clientSocket.ts',
  msgpackr: 'codec/msgpack.ts',
  fflate: 'codec/compressor.ts',
  nanoid: 'message/createMessage.ts',
  'eventsource-parser': 'io/http/eventFormat.ts',
};

it.each(Object.entries(WORK))('%s works in lib/%s', (name, file) => {
  expect(loaded.filter(({ specifier, lazy }) => specifier === name && !lazy).map(({ from }) => from)).toContain(file);
});

it('package.json names these packages as dependencies, and no others; rxjs is that of the application', () => {
  const others = Object.keys(WORK).filter((name) => name !== 'rxjs');
  expect(Object.keys(dependencies).sort()).toEqual(others.sort());
  expect(peerDependencies['rxjs']).toMatch(/^\^7\./);
  expect(peerDependenciesMeta).not.toHaveProperty('rxjs');
  expect(devDependencies).toHaveProperty('rxjs');
  for (const name of others) {
    expect(peerDependencies).not.toHaveProperty([name]);
    expect(devDependencies).not.toHaveProperty([name]);
  }
});
