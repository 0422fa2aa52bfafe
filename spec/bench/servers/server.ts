import { startRemote, type Report } from '../remote.js';

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

export type Told = Report<Answers>;

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
  const remote = startRemote<Answers>(`the server ${kind}`, 'spec/bench/servers/child.ts', [kind, JSON.stringify(options)]);
  const ask = <K extends 'cpu' | 'usage'>(what: K): Promise<Answers[K]> => {
    remote.send(what);
    return remote.next(what);
  };
  const port = await remote.next('port');
  return {
    url: `ws://127.0.0.1:${port}/wire`,
    usage: () => ask('usage'),
    cpu: () => ask('cpu'),
    publish: () => remote.send('publish'),
    stop: () => remote.stop(),
  };
}
