import type { Variant } from './peer.js';
import { startClient, startServer, type ClientMethods, type Process, type ServerMethods } from './process.js';
import type { Progress } from './progress.js';
import type { Side, Sides } from './registry.js';
import type { Outcomes, Round } from './results.js';

/** A server and its clients, each in a process of its own. */
export interface Running {
  readonly server: Process<ServerMethods>;
  readonly clients: readonly Process<ClientMethods>[];
}

/** What a client has beside the settings of its side. */
export async function startSide({ peer, variant = {} }: Side, client: Variant, clients = 1): Promise<Running> {
  const server = await startServer(peer, { ...variant, ...client });
  const started: Process<ClientMethods>[] = [];
  try {
    const url = await server.call.url();
    while (started.length < clients) started.push(await startClient(peer, url, { ...variant, ...client }));
    return { server, clients: started };
  } catch (error) {
    await stopSide({ server, clients: started });
    throw error;
  }
}

export async function stopSide({ server, clients }: Running): Promise<void> {
  await Promise.all([server, ...clients].map(({ stop }) => stop()));
}

/** The CPU time of a server and of its clients so far, in ms. */
export async function cpuOf({ server, clients }: Running): Promise<{ readonly server: number; readonly client: number }> {
  const [own, ...others] = await Promise.all([server, ...clients].map(({ call }) => call.cpu()));
  return { server: own ?? NaN, client: others.reduce((sum, cpu) => sum + cpu, 0) };
}

/** Runs `work`; returns its result, and the CPU time that both ends have used meanwhile, in µs. */
export async function withCpu<T>(running: Running, work: () => Promise<T>) {
  const before = await cpuOf(running);
  const result = await work();
  const after = await cpuOf(running);
  return { result, server: 1_000 * (after.server - before.server), client: 1_000 * (after.client - before.client) };
}

export interface RoundsPlan<R> {
  readonly rounds: number;
  /** Starts a side before the first round. */
  readonly start: (side: Side, title: string) => Promise<R>;
  readonly warmUp?: (running: R) => Promise<unknown>;
  readonly turn: (running: R, round: number) => Promise<Round>;
  readonly stop: (running: R) => Promise<unknown>;
}

/** Sides that start at once: one for each core. */
const AT_ONCE = 2;

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The steps that `inRounds` reports. */
export const stepsOf = (sides: Sides, rounds: number): number => Object.keys(sides).length * (rounds + 2);

/**
 * Starts all sides, and then measures them in turns, in each round from another one on: what slows the machine down for a while slows down all. A side
 * that fails is left out from then on, and says why.
 */
export async function inRounds<R>(sides: Sides, plan: RoundsPlan<R>, progress: Progress): Promise<Outcomes> {
  const titles = Object.keys(sides);
  const running = new Map<string, R>();
  const rounds: Record<string, Round[]> = Object.fromEntries(titles.map((title) => [title, []]));
  const reasons: Record<string, string> = {};
  const attempt = async (title: string, label: string, job: () => Promise<unknown>): Promise<void> => {
    progress.step(`${label} ${title}`);
    if (reasons[title] !== undefined) return;
    try {
      await job();
    } catch (error) {
      reasons[title] = reasonOf(error);
      await stop(title);
    }
  };
  const stop = async (title: string): Promise<void> => {
    const side = running.get(title);
    running.delete(title);
    // A server or a client that is left alone would reconnect, or fail to, beside those that are measured.
    if (side !== undefined) await Promise.allSettled([plan.stop(side)]);
  };

  const waiting = [...titles];
  const lane = async (): Promise<void> => {
    for (let title = waiting.shift(); title !== undefined; title = waiting.shift()) {
      const next = title;
      await attempt(next, 'starting', async () => void running.set(next, await plan.start(sides[next]!, next)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  for (const title of titles) await attempt(title, 'warming up', async () => plan.warmUp?.(running.get(title)!));
  for (let round = 0; round < plan.rounds; round++) {
    const first = round % titles.length;
    for (const title of [...titles.slice(first), ...titles.slice(0, first)])
      await attempt(title, 'measuring', async () => void rounds[title]?.push(await plan.turn(running.get(title)!, round)));
  }
  await Promise.all(titles.map(stop));
  return Object.fromEntries(
    titles.map((title) => {
      const reason = reasons[title];
      return [title, reason === undefined ? { rounds: rounds[title] ?? [] } : { rounds: [], reason }];
    }),
  );
}
