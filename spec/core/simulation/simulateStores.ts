import { isDrained } from '../coreHarness.js';
import type { RunCounts, Trace } from './run.js';
import { StoreApplications } from './storeApplications.js';
import { StoreClients } from './storeClients.js';
import type { StoreProcess } from './storeProcess.js';
import { StoreRun } from './storeRun.js';
import { StoreServers } from './storeServers.js';

const DURATION = 12_000;
const REST = 400_000;

/** Runs one seed: a session with stores, whose owners, servers and stores fail. Throws when a promise is broken. */
export function simulateStores(seed: number, trace?: Trace): RunCounts {
  return new World(seed, trace).simulate();
}

class World {
  readonly #run: StoreRun;
  readonly #applications: StoreApplications;
  readonly #clients: StoreClients;
  readonly #servers: StoreServers;

  constructor(seed: number, trace: Trace | undefined) {
    const run = (this.#run = new StoreRun(seed, trace));
    this.#applications = new StoreApplications(
      run,
      (side) => (side === 'c' ? this.#clients.all : this.#servers.sessions),
      (process) => (process.side === 'c' ? this.#clients : this.#servers).stopped(process),
    );
    this.#clients = new StoreClients(run, this.#applications, (client) => this.#servers.connect(client));
    this.#servers = new StoreServers(run, this.#applications, this.#clients);
  }

  simulate(): RunCounts {
    const run = this.#run;
    const { clock, plan, oracle } = run;
    this.#clients.start();
    this.#applications.sendAll();
    this.#scheduleFaults();
    while (clock.step(DURATION));
    run.calm();
    this.#servers.endDetached();
    this.#settle();
    if (!this.#isDone()) throw new Error(`messages are left when the faults have stopped: ${this.#left()}`);
    this.#servers.loseOthers(this.#clients.all[0]?.pid);
    if (!run.isRefused) oracle.finish(plan.isWatched);
    return run.counts;
  }
  #scheduleFaults(): void {
    const run = this.#run;
    const { chance, plan } = run;
    run.every(plan.cutEvery, () => {
      run.counts.cuts++;
      if (this.#clients.all.length > 0) chance.pick(this.#clients.all).cut();
    });
    run.every(plan.clientCrashEvery, () => this.#clients.crash());
    run.every(plan.takeOverEvery, () => plan.clientOutbox && this.#clients.start());
    run.every(plan.serverCrashEvery, () => this.#servers.crash());
    run.every(plan.freezeEvery, () => {
      const all = this.#processes();
      if (all.length > 0) chance.pick(all).host.freeze(chance.whole(1, 4_000));
    });
  }
  #processes(): readonly StoreProcess[] {
    return [...this.#clients.all, ...this.#servers.sessions];
  }

  /** Runs until all is done. An action seldom finishes it: the world is checked from time to time. */
  #settle(): void {
    const { clock } = this.#run;
    let [left, until] = [this.#countLeft(), clock.now + REST];
    for (let checkAt = clock.now; clock.now < checkAt || !this.#isDone();) {
      if (clock.now >= checkAt) checkAt = clock.now + 20;
      if (clock.step(until)) continue;
      // A slow link may take longer, as long as messages arrive.
      if (this.#countLeft() >= left) return;
      [left, until] = [this.#countLeft(), clock.now + REST];
    }
  }
  #countLeft(): number {
    return this.#processes().reduce((count, { host: { core } }) => count + core.outgoing.pending.size, 0);
  }
  #isDone(): boolean {
    if (this.#run.isRefused) return true;
    if (this.#applications.isServerWaiting || this.#clients.all.length === 0) return false;
    for (const { host } of this.#clients.all) if (!host.isDone) return false;
    const { sessions } = this.#servers;
    for (const { host } of sessions) if (!host.isDone) return false;
    if (!sessions.some(({ host }) => host.send !== undefined)) return false;
    return !this.#run.hosts.some((host) => host.isFrozen || host.isEnding);
  }
  #left(): string {
    return this.#processes()
      .map(({ host: { core } }) => `${core.phase} ${[...core.outgoing.pending.keys()].join(' ')} ${isDrained(core)}`)
      .join(' | ');
  }
}
