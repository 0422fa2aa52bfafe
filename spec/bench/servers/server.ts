import { fork } from 'node:child_process';
import { once } from 'node:events';
import { filter, firstValueFrom, map, Subject } from 'rxjs';
import { bundle } from '../../chaos/bundle.js';

/** What a server holds after a collection, in bytes. */
export interface Usage {
  readonly rss: number;
  /** With what the heap holds outside of it. */
  readonly heap: number;
  readonly connections: number;
  /** Messages that were given up. */
  readonly dropped: number;
}

/** What it tells, by kind: `cpu` is what it has worked so far, in ms. */
export interface Answers {
  readonly port: number;
  readonly cpu: number;
  readonly usage: Usage;
}

export type Asked = Exclude<keyof Answers, 'port'> | 'publish';

export type Told = { readonly [K in keyof Answers]: { readonly kind: K; readonly value: Answers[K] } }[keyof Answers];

/** A server in a process of its own. */
export interface RemoteServer {
  readonly url: string;
  usage(): Promise<Usage>;
  /** What it has worked so far, in ms. */
  cpu(): Promise<number>;
  /** Has it send to all. */
  publish(): void;
  stop(): Promise<void>;
}

/** @param kind One of `servers`. */
export async function startServer(kind: string, options: object = {}): Promise<RemoteServer> {
  const child = fork(bundle('spec/bench/servers/child.ts'), [kind, JSON.stringify(options)], { execArgv: ['--expose-gc'] });
  const told$ = new Subject<Told>();
  child.on('message', (told: Told) => told$.next(told));
  child.on('exit', (code) => told$.error(new Error(`the server ${kind} has ended with ${code}`)));
  const next = <K extends keyof Answers>(what: K): Promise<Answers[K]> =>
    firstValueFrom(
      told$.pipe(
        filter(({ kind: told }) => told === what),
        map(({ value }) => value as Answers[K]),
      ),
    );
  const ask = <K extends 'cpu' | 'usage'>(what: K): Promise<Answers[K]> => {
    child.send(what);
    return next(what);
  };
  const port = await next('port');
  return {
    url: `ws://127.0.0.1:${port}/wire`,
    usage: () => ask('usage'),
    cpu: () => ask('cpu'),
    publish: () => void child.send('publish'),
    async stop() {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}
