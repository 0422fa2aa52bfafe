import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { buildSync } from 'esbuild';
import { filter, firstValueFrom, fromEvent, interval, map, share, type Observable } from 'rxjs';
import { lmdbStore } from '../../lib/adapters/node/index.js';
import { tcpProxy, type TcpProxy } from '../support/tcpProxy.js';

/** A server that remembers in LMDB how far each client got, behind a proxy. */
export interface DurableServer {
  readonly url: string;
  readonly proxy: TcpProxy;
  /** Kills it without a word, and starts it again over the same folder. */
  restart(): Promise<void>;
  /** Waits until it notices that a connection is lost. */
  loss(): Promise<unknown>;
  /** The ids of the messages whose effects are there, in the order in which they came about. */
  effects(): readonly string[];
  /** Waits until this one is there. */
  effect(id: string): Promise<unknown>;
  close(): Promise<void>;
}

const bundled = 'node_modules/.cache/rxwire/sessionServer.mjs';

/** Makes one file of sessionServer.ts, which starts five times as fast. */
export function buildServer(): void {
  const options = { bundle: true, packages: 'external', platform: 'node', format: 'esm' } as const;
  buildSync({ ...options, entryPoints: ['spec/browser/sessionServer.ts'], outfile: bundled });
}

/** @param origin That of the pages that may connect. */
export async function startServer(path: string, origin: string, pingInterval = 15_000): Promise<DurableServer> {
  const first = await startProcess(path, 0, pingInterval, origin);
  let current = first;
  const proxy = await tcpProxy(first.port);
  const store = lmdbStore({ path });
  const effects = store.table<string>('effects');

  const ids = (): readonly string[] => effects.entries().map(([, id]) => id);

  return {
    proxy,
    url: `ws://127.0.0.1:${proxy.port}/wire`,
    async restart() {
      await current.kill();
      current = await startProcess(path, first.port, pingInterval, origin);
    },
    loss: () => firstValueFrom(current.lines$.pipe(filter((line) => line === 'lost'))),
    effects: ids,
    // Nobody tells of what another process writes.
    effect: (id) => firstValueFrom(interval(5).pipe(filter(() => ids().includes(id)))),
    async close() {
      await current.kill();
      await proxy.close();
      store.close();
    },
  };
}

async function startProcess(...settings: readonly (string | number)[]) {
  const child = spawn(process.execPath, [bundled, ...settings.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines$ = (fromEvent(createInterface(child.stdout), 'line') as Observable<string>).pipe(share());
  const port = await firstValueFrom(lines$.pipe(map((line) => Number(line))));
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { port, lines$, kill };
}
