import type { NatsConnection } from '@nats-io/nats-core';
import { connect, type NodeConnectionOptions } from '@nats-io/transport-node';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A real nats-server with JetStream on a port of its own choice, which it keeps; and connections to it, which end with it. */
export async function startNats(program: string) {
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-nats-'));
  const connections: NatsConnection[] = [];
  let { child, port } = await run(program, folder, -1);
  const kill = async (): Promise<void> => {
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  const start = async (): Promise<void> => void ({ child, port } = await run(program, folder, port));
  return {
    kill,
    start,
    async connect(options: NodeConnectionOptions = {}): Promise<NatsConnection> {
      const lasting = { maxReconnectAttempts: -1, reconnectTimeWait: 50, reconnectJitter: 0 };
      const connection = await connect({ servers: `127.0.0.1:${port}`, ...lasting, ...options });
      connections.push(connection);
      return connection;
    },
    async close(): Promise<void> {
      await Promise.all(connections.map((connection) => connection.close()));
      if (child.exitCode === null && child.signalCode === null) await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type Nats = Awaited<ReturnType<typeof startNats>>;

/** Resolves when it is ready; what it says on the way tells where it listens. */
async function run(program: string, folder: string, port: number): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(program, ['-js', '-sd', folder, '-a', '127.0.0.1', '-p', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
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
