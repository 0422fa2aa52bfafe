import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMessage, type Message } from '../../../../lib/index.js';
import { pathOf } from '../../../support/debian.js';
import { freePort } from '../../../support/freePort.js';
import { item } from '../../servers/served.js';
import { cpuTime } from '../../ways.js';
import type { Peer } from '../peer.js';
import { itemOf, packed } from './ws.js';

const { pack, unpack } = packed();
/** The clock of the kernel for CPU times, in ticks a second. */
const TICKS = 100;
const PAGE = 4_096;

/** A real nats-server beside this process, and its CPU time and resident size, as Linux reports them. */
async function startProgram(args: (folder: string) => readonly string[]) {
  const program = pathOf('nats-server');
  if (!existsSync(program)) throw new Error(`there is no ${program}; install it: apt-get install nats-server`);
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-bench-nats-'));
  const port = await freePort();
  const child = spawn(program, ['-a', '127.0.0.1', '-p', String(port), ...args(folder)], { stdio: 'ignore' });
  process.on('exit', () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const fields = (file: string): readonly string[] => readFileSync(`/proc/${child.pid}/${file}`, 'utf8').split(' ');
  // The name of a program stands second, and has no blanks here: user time is the 14th field, system time the 15th.
  const cpu = (): number => (1_000 * (Number(fields('stat')[13]) + Number(fields('stat')[14]))) / TICKS;
  return { url: `nats://127.0.0.1:${port}`, cpu, rss: () => PAGE * Number(fields('statm')[1]) };
}

async function openNats(url: string, options: { readonly maxReconnectAttempts?: number } = {}) {
  const { connect } = await import('@nats-io/transport-node');
  for (let attempt = 1; ; attempt++) {
    try {
      return await connect({ servers: new URL(url).host, timeout: 30_000, ...options });
    } catch (error) {
      if (attempt === 50) throw error;
      await sleep(100);
    }
  }
}

/** NATS core: a responder in the process of the server replies to each request, which is its ack. */
export const natsCore: Peer = {
  async serve({ onNumber }) {
    const { url, cpu, rss } = await startProgram(() => []);
    const connection = await openNats(url);
    const ack = new Uint8Array([1]);
    connection.subscribe('items', {
      callback(_error, message) {
        onNumber?.(Number((unpack(message.data as Buffer) as Message).payload));
        message.respond(ack);
      },
    });
    await connection.flush();
    const publish = (burst: number): void => {
      for (let count = 0; count < burst; count++) connection.publish('room', pack(item()));
    };
    return { url, publish, cpu: () => cpu() + cpuTime(), rss };
  },
  async open(url, size) {
    const connection = await openNats(url);
    const create = itemOf(size);
    return (done) => void connection.request('items', pack(create()), { timeout: 30_000 }).then(done);
  },
  async connect(url) {
    const connection = await openNats(url);
    return {
      first: () => connection.request('items', pack(createMessage('bench.first', null)), { timeout: 30_000 }),
      close: () => connection.close(),
    };
  },
  async join(url, onMessage) {
    const connection = await openNats(url);
    connection.subscribe('room', {
      callback: (_, { data }) => {
        unpack(data as Buffer);
        onMessage();
      },
    });
    await connection.flush();
  },
  async stream(url) {
    const connection = await openNats(url, { maxReconnectAttempts: -1 });
    return (number) => connection.publish('items', pack(createMessage('bench.item', number)));
  },
};

/** JetStream: the server stores each message in a file, and acks it. The file is flushed to the disk every two minutes, as is its default. */
export const jetStream: Peer = {
  async serve({ onNumber }) {
    const { jetstream, jetstreamManager } = await import('@nats-io/jetstream');
    const { url, cpu, rss } = await startProgram((folder) => ['-js', '-sd', folder]);
    const connection = await openNats(url);
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'ITEMS', subjects: ['items'], max_bytes: 64 * 1024 * 1024 });
    if (onNumber) {
      const consumer = await jetstream(connection).consumers.get('ITEMS');
      await consumer.consume({ callback: ({ data }) => onNumber(Number((unpack(data as Buffer) as Message).payload)) });
    }
    return { url, cpu: () => cpu() + cpuTime(), rss };
  },
  async open(url, size) {
    const { jetstream } = await import('@nats-io/jetstream');
    const stream = jetstream(await openNats(url));
    const create = itemOf(size);
    return (done) => void stream.publish('items', pack(create()), { timeout: 30_000 }).then(done);
  },
  /** Each message has an id, by which the server drops a repetition, and is published again until it is acked. */
  async stream(url) {
    const { jetstream } = await import('@nats-io/jetstream');
    const stream = jetstream(await openNats(url, { maxReconnectAttempts: -1 }));
    const publish = async (number: number): Promise<void> => {
      const data = pack(createMessage('bench.item', number));
      for (;;) {
        try {
          await stream.publish('items', data, { msgID: String(number) });
          return;
        } catch {
          await sleep(250);
        }
      }
    };
    return (number) => void publish(number);
  },
};
