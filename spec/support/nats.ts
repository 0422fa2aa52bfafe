import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect, type NodeConnectionOptions } from '@nats-io/transport-node';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './freePort.js';

/** A real nats-server with JetStream on a port of its own choice, which it keeps; and connections to it, which end with it. */
export async function startNats(program: string) {
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-nats-'));
  const server = createServer(program, ['-sd', folder]);
  await server.start();
  const { connect: connectTo, closeAll } = createConnections(() => [`127.0.0.1:${server.port()}`]);
  return {
    /** Where JetStream stores. */
    folder,
    port: server.port,
    kill: server.kill,
    start: server.start,
    connect: connectTo,
    async close(): Promise<void> {
      await closeAll();
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type Nats = Awaited<ReturnType<typeof startNats>>;

/** Three real nats-servers that form one cluster; streams may have three replicas. */
export async function startNatsCluster(program: string, size = 3): Promise<NatsServers> {
  for (let attempt = 1; ; attempt++) {
    const started = await startServers(program, size);
    try {
      await whenReady(await started.connect(), size);
      return started;
    } catch (error) {
      // Now and then, a server stays unknown to the leader.
      await started.close();
      if (attempt === 3) throw error;
    }
  }
}

export type NatsServers = Awaited<ReturnType<typeof startServers>>;

async function startServers(program: string, size: number) {
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-nats-'));
  const routePorts = await Promise.all(Array.from({ length: size }, freePort));
  const routes = routePorts.map((port) => `nats-route://127.0.0.1:${port}`).join(',');
  const servers = routePorts.map((port, index) =>
    createServer(program, [
      ...['-sd', join(folder, `n${index}`), '-n', `n${index}`, '--cluster_name', 'rxwire'],
      ...['--cluster', `nats://127.0.0.1:${port}`, '--routes', routes],
    ]),
  );
  // One after the other: of servers that start at the same moment, one may stay unknown to the leader for long.
  for (const server of servers) await server.start();
  const urls = (): string[] => servers.map((server) => `127.0.0.1:${server.port()}`);
  const { connect: connectTo, closeAll } = createConnections(urls);
  return {
    /** Each can be killed and started again. */
    servers,
    urls,
    connect: connectTo,
    async close(): Promise<void> {
      await closeAll();
      await Promise.all(servers.map((server) => server.kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A cluster takes streams when it has elected a leader, and knows all of its servers. */
async function whenReady(connection: NatsConnection, replicas: number): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      const { streams } = await jetstreamManager(connection, { timeout: 1_000 });
      await streams.add({ name: 'ready', subjects: ['ready'], num_replicas: replicas });
      await streams.delete('ready');
      return;
    } catch (error) {
      if (attempt === 40) throw error;
      await sleep(200);
    }
  }
}

function createConnections(urls: () => string[]) {
  const connections: NatsConnection[] = [];
  return {
    async connect(options: NodeConnectionOptions = {}): Promise<NatsConnection> {
      const lasting = { maxReconnectAttempts: -1, reconnectTimeWait: 50, reconnectJitter: 0 };
      const connection = await connect({ servers: urls(), ...lasting, ...options });
      connections.push(connection);
      return connection;
    },
    closeAll: () => Promise.all(connections.map((connection) => connection.close())),
  };
}

function createServer(program: string, args: readonly string[]) {
  let [child, port]: [ChildProcess | undefined, number] = [undefined, -1];
  return {
    port: () => port,
    pid: () => child?.pid,
    async start(): Promise<void> {
      ({ child, port } = await run(program, args, port));
    },
    async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill(signal);
      await exit;
    },
  };
}

/** A test that ends early leaves no server behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Resolves when it is ready; what it says on the way tells where it listens. */
async function run(program: string, args: readonly string[], port: number): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(program, ['-js', '-a', '127.0.0.1', '-p', String(port), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const said: string[] = [];
  let at = port;
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    at = Number(/client connections on 127\.0\.0\.1:(\d+)/.exec(line)?.[1] ?? at);
    if (!line.includes('Server is ready')) continue;
    child.stderr.resume();
    return { child, port: at };
  }
  throw new Error(`nats-server has not started: ${said.join('\n')}`);
}
