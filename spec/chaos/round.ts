import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstValueFrom, Subject, timeout } from 'rxjs';
import { lmdbStore } from '../../lib/node/index.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { effectsOf } from './effects.js';
import { breakNetwork, killActors, nothingDone, type Done } from './faults.js';
import { readJournals } from './journal.js';
import type { Plan } from './plan.js';
import { createActor, type Setup, type Told } from './processes.js';
import { reconcile, type Breach, type Reconciled, type Tallies } from './reconcile.js';

/** What came of a round. */
export interface Outcome {
  readonly seed: number;
  /** What is wrong, in words. */
  readonly failures: readonly string[];
  /** Of the client's messages, and of the server's. */
  readonly tallies: readonly Tallies[];
  readonly done: Done;
  /** Where all is kept that the processes have left, if something is wrong. */
  readonly folder: string;
}

/** How long it may take until all is delivered, once nothing fails any more, in ms. */
const CALM = 15_000;
const TIMES = { ping: 400, reconnect: { initialInterval: 20, maxInterval: 200 }, openTimeout: 500 } as const;

/** Runs a client and a server as processes with a proxy between them, breaks and kills as planned, and reconciles what they have left. */
export async function runRound(plan: Plan): Promise<Outcome> {
  const { seed, codec, storm } = plan;
  const folder = join('.tmp', 'chaos', `${process.pid}-${seed}`);
  mkdirSync(folder, { recursive: true });
  const proxy = await tcpProxy(0);
  const failures: string[] = [];
  const drained = new Set<string>();
  const drained$ = new Subject<void>();
  const done = nothingDone();

  const hear =
    (role: Setup['role']) =>
    (told: Told): void => {
      if (told.kind === 'listening') proxy.aim(told.port);
      else if (told.kind === 'failed') failures.push(`${role}: ${told.reason}`);
      else if (drained.add(role).size === 2) drained$.next();
    };
  const actorOf = (role: Setup['role']) =>
    createActor({ role, folder: join(folder, role), seed: seed * 1_000, codec, port: proxy.port, ...TIMES, ...plan[role] }, hear(role));
  const [client, server] = [actorOf('client'), actorOf('server')];
  const all = [client, server];

  all.forEach((actor) => actor.start());
  await Promise.all([sleep(storm), breakNetwork(proxy, plan.network, done), killActors(client, server, plan.kills, done)]);
  const end = firstValueFrom(drained$.pipe(timeout(CALM))).catch(() => failures.push(`not all is acked after ${CALM} ms`));
  all.forEach((actor) => actor.calm());
  await end;
  await Promise.all(all.map((actor) => actor.kill()));
  await proxy.close();

  const results = [reconciled(folder, 'client', 'server'), reconciled(folder, 'server', 'client')];
  failures.push(...results.flatMap(({ breaches }) => breaches.map(describe)));
  const tallies = results.map((result) => result.tallies);
  if (failures.length === 0) rmSync(folder, { recursive: true });
  return { seed, failures, tallies, done, folder };
}

function reconciled(folder: string, sender: Setup['role'], receiver: Setup['role']): Reconciled {
  const store = lmdbStore({ path: join(folder, receiver, 'store') });
  const effects = effectsOf(store).names();
  store.close();
  return reconcile(readJournals(join(folder, sender)), effects);
}

function describe({ level, what, names }: Breach): string {
  return `${level}: ${names.length} ${what} (${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''})`;
}
