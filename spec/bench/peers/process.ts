import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { buildSync } from 'esbuild';
import type { Ran, Run } from '../clients/client.js';
import { PEERS } from './install.js';
import type { OutboxRun } from './outboxDepth.js';
import type { Variant } from './peer.js';

/** A call of a method in another process, and the reply. The ids of calls begin with 1; 0 is the start, and −1 a failure of the process. */
export interface Call {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

export interface Memory {
  readonly rss: number;
  /** Null, if the server is no program of JavaScript. */
  readonly heap: number | null;
}

/** The methods of a server. */
export interface ServerMethods {
  url(): string;
  /** CPU time so far, in ms. */
  cpu(): number;
  /** What it holds after a collection, in bytes. */
  memory(): Promise<Memory>;
  publish(burst: number): void;
  /** The numbers that it has received, each with the time. */
  journal(): readonly (readonly [number: number, at: number])[];
}

/** The methods of a client. */
export interface ClientMethods {
  cpu(): number;
  run(run: Run & { readonly size: number }): Promise<Ran>;
  hold(options: { readonly count: number; readonly atOnce: number }): Promise<void>;
  release(): Promise<void>;
  connects(options: { readonly ms: number; readonly atOnce: number }): Promise<{ readonly count: number; readonly ms: number }>;
  /** Times in ms from the start of a connection to the ack of its first message, one connection after the other. */
  handshakes(count: number): Promise<readonly number[]>;
  join(options: { readonly count: number; readonly atOnce: number; readonly each?: number }): Promise<void>;
  /** Resolves when all members together have received so many. */
  received(total: number): Promise<void>;
  /** Sends numbers for so long; returns how many. */
  stream(options: { readonly every: number; readonly ms: number }): Promise<number>;
  outbox(options: OutboxRun): Promise<number>;
}

export type Methods = ServerMethods | ClientMethods;

type Remote<M> = {
  readonly [K in keyof M]: M[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
};

export interface Process<M> {
  readonly call: Remote<M>;
  stop(): Promise<void>;
}

/** A start or call that takes longer has failed, in ms. */
const TIMEOUT = 120_000;

let built: string | undefined;

/** The program of both ends. The folder is beside the packages of the peers, where Node finds them; what is not used is not loaded. */
function program(): string {
  if (built) return built;
  const folder = `${PEERS}/node_modules/.cache/${process.pid}`;
  buildSync({
    ...{ bundle: true, splitting: true, packages: 'external', platform: 'node', format: 'esm' },
    entryPoints: [`${PEERS}/child.ts`],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
  });
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return (built = `${folder}/child.mjs`);
}

async function start<M extends object>(role: string, peer: string, variant: Variant, url = ''): Promise<Process<M>> {
  const child = fork(program(), [role, peer, JSON.stringify(variant), url], {
    execArgv: ['--expose-gc', '--disable-warning=DeprecationWarning'],
    stdio: ['ignore', 'ignore', process.env['BENCH_DEBUG'] ? 'inherit' : 'ignore', 'ipc'],
  });
  const calls = new Map<number, { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }>();
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure ??= error;
    for (const { reject } of calls.values()) reject(failure);
    calls.clear();
  };
  child.on('message', ({ id, value, error }: Reply) => {
    if (id < 0) return fail(new Error(error));
    const call = calls.get(id);
    calls.delete(id);
    if (error === undefined) call?.resolve(value);
    else call?.reject(new Error(error));
  });
  child.on('exit', (code, signal) => fail(new Error(`the ${role} exited with ${code ?? signal}`)));
  const wait = (id: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (failure) return reject(failure);
      const timer = setTimeout(() => reject(new Error(`the ${role} did not answer within ${TIMEOUT / 1_000} s`)), TIMEOUT);
      calls.set(id, {
        resolve(value) {
          clearTimeout(timer);
          resolve(value);
        },
        reject(error) {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    // Not by a signal at once: a server may have started a program, which it ends.
    if (child.connected) child.disconnect();
    const killer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await exit;
    clearTimeout(killer);
  };
  let last = 0;
  const call = new Proxy({} as Remote<M>, {
    get: (_, method) => (argument: unknown) => {
      const id = ++last;
      const answer = wait(id);
      if (!failure) child.send({ id, method: String(method), argument } satisfies Call);
      return answer;
    },
  });
  try {
    await wait(0);
  } catch (error) {
    await stop();
    throw error;
  }
  return { call, stop };
}

/** A server in a process of its own. */
export const startServer = (peer: string, variant: Variant = {}): Promise<Process<ServerMethods>> => start('server', peer, variant);

/** A client in a process of its own. */
export const startClient = (peer: string, url: string, variant: Variant = {}): Promise<Process<ClientMethods>> =>
  start('client', peer, variant, url);
