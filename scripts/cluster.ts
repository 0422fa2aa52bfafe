/** npm run cluster: the console at three nodes, with three nats-servers, behind an nginx that passes requests and connections to the nodes by turns. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathOf } from '../spec/support/debian.js';
import { freePort } from '../spec/support/freePort.js';
import { startNatsCluster } from '../spec/support/nats.js';
import { startNginx } from '../spec/support/proxies.js';
import { root } from './support/run.js';

const NODES = ['a', 'b', 'c'];

/** How long a node may take to end, in ms. */
const GRACE = 5_000;

/** The page is at all nodes, too. The cut is for the node that has the connection: the others do not find it. */
const PAGE = `
  location / {
    proxy_pass http://wires;
    proxy_set_header Host $http_host;
    proxy_next_upstream error timeout http_404 non_idempotent;
  }
`;

/** Returns the configuration of nginx for all nodes. */
function balance(config: string, ports: readonly number[]): string {
  const others = ports.slice(1).map((port) => `server 127.0.0.1:${port};`);
  return config.replace('keepalive 64;', `${others.join(' ')} keepalive 64;`).replace('location = /wire', `${PAGE} location = /wire`);
}

/** Starts a node. Resolves when it serves. */
async function startNode(node: string, port: number, env: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const args = ['--import', 'tsx', `${root}docs/examples/console/clusterNode.ts`];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env, NODE: node, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl+C is for this process, which ends the nodes.
    detached: true,
  });
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line);
    if (line.startsWith(`node ${node}: http`)) return child;
  }
  throw new Error(`node ${node} has not started`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const impatience = setTimeout(() => child.kill('SIGKILL'), GRACE);
  await exit;
  clearTimeout(impatience);
}

async function main(): Promise<void> {
  const missing = (['nats-server', 'nginx'] as const).filter((program) => !existsSync(pathOf(program)));
  if (missing.length > 0) throw new Error(`npm run cluster needs ${missing.join(' and ')}: apt-get install ${missing.join(' ')}`);

  const closing: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const closeOne of closing.splice(0).reverse()) await closeOne();
  };
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  try {
    const nats = await startNatsCluster(pathOf('nats-server'));
    closing.push(() => nats.close());
    const ports = await Promise.all(NODES.map(freePort));
    const nginx = await startNginx(pathOf('nginx'), ports[0] ?? 0, (config) => balance(config, ports));
    closing.push(() => nginx.close());
    const env = { NATS: nats.urls().join(','), HOSTS: ['127.0.0.1', 'localhost'].map((host) => `${host}:${nginx.port}`).join(',') };
    const nodes = await Promise.all(NODES.map((node, index) => startNode(node, ports[index] ?? 0, env)));
    closing.push(() => Promise.all(nodes.map(stop)));
    console.log(`all nodes, by turns: http://127.0.0.1:${nginx.port} (Ctrl+C stops them)`);
    await stopped;
  } finally {
    await close();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
