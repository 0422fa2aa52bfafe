import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { firstValueFrom, Subject, timeout } from 'rxjs';
import { lmdbStore } from '../../lib/adapters/node/index.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { effectsOf } from './effects.js';
import { readJournals, type Entry } from './journal.js';
import type { Plan } from './plan.js';
import { createActor, createLives, type Actor, type Carriage, type Setup, type Told } from './processes.js';
import { reconcile, type Breach, type Tallies } from './reconcile.js';

/** How long it may take until all is delivered, once nothing fails any more, in ms. */
const CALM = 60_000;

export interface WorldOptions
  extends
    Pick<Plan, 'seed' | 'codec' | 'client' | 'server'>,
    Pick<Setup, 'ping' | 'reconnect' | 'openTimeout' | 'isRotating' | 'sabotage'> {
  /** The number of servers on one store. @default 1 */
  readonly servers?: number;
  /** Told how the client is connected, where that changes. */
  readonly onState?: (state: Carriage) => void;
}

/** What is left when all is over. */
export interface Remains {
  /** What is wrong, in words. */
  readonly failures: readonly string[];
  /** Of the client's messages, and of the server's. */
  readonly tallies: readonly Tallies[];
  /** What the client has written down. */
  readonly journal: readonly Entry[];
  /** Where all that is kept, if something is wrong. */
  readonly folder: string;
}

/** Starts a client and a server as processes, with a proxy between them. */
export async function createWorld({ client, server, servers: count = 1, onState, ...options }: WorldOptions) {
  const common = { ...options, isShared: count > 1 };
  const folder = join('.tmp', 'chaos', `${process.pid}-${common.seed}`);
  // What a process of this number has left once would be counted again.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const proxy = await tcpProxy(0);
  const failures: string[] = [];
  const drained = new Set<string>();
  const drained$ = new Subject<void>();

  const ports: number[] = [];
  let current = 0;
  /** Which server new connections reach. */
  const goTo = (index: number): void => {
    current = index;
    proxy.aim(ports[index] as number);
  };
  const hear = (told: Told, role: Setup['role'], index: number): void => {
    if (told.kind === 'up' && role === 'server') {
      ports[index] = told.port;
      if (index === current) goTo(index);
    } else if (told.kind === 'state') onState?.(told);
    else if (told.kind === 'failed') failures.push(`${role}: ${told.reason}`);
    else if (told.kind === 'drained' && drained.add(role).size === 2) drained$.next();
  };
  const lives = { client: createLives(), server: createLives() };
  const actorOf = (role: Setup['role'], plan: Plan['client'], index = 0) =>
    createActor({ ...common, ...plan, role, folder: join(folder, role), port: proxy.port }, (told) => hear(told, role, index), lives[role]);
  const servers = Array.from({ length: count }, (_, index) => actorOf('server', server, index)) as [Actor, ...Actor[]];
  const actors = { client: actorOf('client', client), server: servers[0] };
  const all = [actors.client, ...servers];
  await Promise.all(all.map((actor) => actor.start()));

  return {
    ...{ proxy, ...actors, servers, goTo },
    current: (): number => current,
    /** Lets them send what they have, ends them, and reconciles what they leave. */
    async end(): Promise<Remains> {
      const end = firstValueFrom(drained$.pipe(timeout(CALM))).catch(() => failures.push(`not all is acked after ${CALM} ms`));
      all.forEach((actor) => actor.calm());
      await end;
      await Promise.all(all.map((actor) => actor.kill()));
      await proxy.close();

      const journals = [readJournals(join(folder, 'client')), readJournals(join(folder, 'server'))] as const;
      const results = [
        reconcile(journals[0], effectsIn(folder, 'server')),
        reconcile(journals[1], effectsIn(folder, 'client'), common.isShared),
      ];
      failures.push(...results.flatMap(({ breaches }) => breaches.map(describeBreach)));
      if (failures.length === 0) rmSync(folder, { recursive: true });
      return { failures, tallies: results.map(({ tallies }) => tallies), journal: journals[0], folder };
    },
  };
}

export function effectsIn(folder: string, receiver: string): readonly string[] {
  const store = lmdbStore({ path: join(folder, receiver, 'store') });
  const names = effectsOf(store).names();
  store.close();
  return names;
}

export function describeBreach({ level, what, names }: Breach): string {
  return `${level}: ${names.length} ${what} (${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''})`;
}
