import { setTimeout as sleep } from 'node:timers/promises';
import type { Task } from '../clients/clients.js';
import { work } from '../clients/work.js';
import { cpuTime } from '../ways.js';
import { drainOutbox } from './outboxDepth.js';
import type { ClientMethods } from './process.js';
import type { Connection, Peer, Variant } from './peer.js';

const MISSING = 'this peer has no such thing';

/** Runs `job` with each index below `count`, so many at once. */
async function inParallel(count: number, atOnce: number, job: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await job(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** The connections that are open without being used. */
function holder(connect: () => Promise<Connection>) {
  let held: Connection[] = [];
  return {
    async hold({ count, atOnce }: { readonly count: number; readonly atOnce: number }): Promise<void> {
      await inParallel(count, atOnce, async () => void held.push(await connect()));
    },
    async release(): Promise<void> {
      await Promise.all(held.map(({ close }) => close()));
      held = [];
    },
  };
}

/** Opens and closes connections for so long. */
async function connectAll(connect: () => Promise<Connection>, ms: number, atOnce: number): Promise<{ count: number; ms: number }> {
  const start = performance.now();
  let count = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - start < ms) {
      const { close } = await connect();
      count++;
      // What a peer does to say good-bye, it does beside the next connection.
      void Promise.resolve(close());
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return { count, ms: performance.now() - start };
}

/** The members of this process, and what they have received. */
function membership(join: (onMessage: () => void, first: number) => Promise<unknown>) {
  let received = 0;
  let waiting: { readonly total: number; readonly resolve: () => void } | undefined;
  const onMessage = (): void => {
    received++;
    if (waiting && received >= waiting.total) waiting.resolve();
  };
  return {
    join: ({ count, atOnce, each = 1 }: { readonly count: number; readonly atOnce: number; readonly each?: number }) =>
      inParallel(count, atOnce, (index) => join(onMessage, index * each)),
    received: (total: number) =>
      new Promise<void>((resolve) => {
        waiting = { total, resolve };
        if (received >= total) resolve();
      }),
  };
}

/** The client of a peer, as the methods that the benchmark calls. */
export async function clientEnd(peer: Peer, url: string, variant: Variant): Promise<ClientMethods> {
  const { size, members = false } = variant;
  const tasks = new Map<number, Task>();
  // Each size has a connection of its own.
  for (const bytes of String(size ?? '')
    .split(',')
    .filter(Boolean)
    .map(Number)) {
    if (!peer.open) throw new Error(MISSING);
    tasks.set(bytes, await peer.open(url, bytes, variant));
  }
  const connect = (): Promise<Connection> => peer.connect?.(url, variant) ?? Promise.reject(new Error(MISSING));
  const join = (onMessage: () => void, first: number): Promise<unknown> =>
    peer.join?.(url, onMessage, { ...variant, first }) ?? Promise.reject(new Error(MISSING));
  const send = variant['numbers'] ? await peer.stream?.(url, variant) : undefined;
  if (variant['numbers'] && !send) throw new Error(MISSING);
  if (members && !peer.join) throw new Error(MISSING);
  return {
    cpu: () => cpuTime(),
    run({ size: bytes, ...run }) {
      const task = tasks.get(bytes);
      if (!task) throw new RangeError(`no task of ${bytes} bytes`);
      return work(task, run);
    },
    ...holder(connect),
    connects: ({ ms, atOnce }) => connectAll(connect, ms, atOnce),
    async handshakes(count) {
      const times: number[] = [];
      for (let index = 0; index < count; index++) {
        const start = performance.now();
        const { first, close } = await connect();
        await first();
        times.push(performance.now() - start);
        await close();
      }
      return times;
    },
    ...membership(join),
    async stream({ every, ms }) {
      const start = performance.now();
      let sent = 0;
      while (performance.now() - start < ms) {
        // A timer that is late is made up for.
        for (const due = (performance.now() - start) / every; sent < due;) send?.(sent++);
        await sleep(every);
      }
      return sent;
    },
    outbox: (options) => drainOutbox(url, options),
  };
}
