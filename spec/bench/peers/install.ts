import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { pathOf } from '../../support/debian.js';

/** The folder of this benchmark, with the packages of the peers. */
export const PEERS = 'spec/bench/peers';

interface Manifest {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const read = (file: string): Manifest => JSON.parse(readFileSync(file, 'utf8')) as Manifest;

function versionOf(name: string): string | undefined {
  const file = [`${PEERS}/node_modules/${name}/package.json`, `node_modules/${name}/package.json`].find((path) => existsSync(path));
  return file && read(file).version;
}

/** Installs the packages of the peers, unless they are there in the right versions. Returns what went wrong. */
export function installPeers(): string | undefined {
  const lock = JSON.parse(readFileSync(`${PEERS}/package-lock.json`, 'utf8')) as { readonly packages: Readonly<Record<string, Manifest>> };
  const names = Object.keys(read(`${PEERS}/package.json`).dependencies ?? {});
  const isThere = (name: string): boolean => {
    const file = `${PEERS}/node_modules/${name}/package.json`;
    return existsSync(file) && read(file).version === lock.packages[`node_modules/${name}`]?.version;
  };
  if (names.every(isThere)) return undefined;
  process.stderr.write(`peers: the packages of the peers are missing; npm ci installs them in ${PEERS}/node_modules\n`);
  const { status, stderr } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: PEERS, encoding: 'utf8' });
  return status === 0 ? undefined : `npm ci failed in ${PEERS}: ${stderr.trim().split('\n').at(-1)}`;
}

const SHOWN = [
  'ws',
  'msgpackr',
  'rxjs',
  'socket.io',
  '@microsoft/signalr',
  'graphql-ws',
  'rsocket-core',
  'mqtt',
  'aedes',
  '@nats-io/transport-node',
  'lmdb',
];

/** The versions of all peers. */
export function versions(): Readonly<Record<string, string>> {
  const program = pathOf('nats-server');
  const nats = existsSync(program) ? /[\d.]+/.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout)?.[0] : undefined;
  return {
    rxwire: read('package.json').version ?? '',
    ...Object.fromEntries(SHOWN.map((name) => [name, versionOf(name) ?? 'not installed'])),
    'nats-server': nats ?? 'not installed',
  };
}
