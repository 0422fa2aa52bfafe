import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { firstValueFrom, Subject } from 'rxjs';
import { bundle } from './bundle.js';
import type { Plan, SidePlan } from './plan.js';

/** What a process is told at its start. */
export interface Setup extends SidePlan, Pick<Plan, 'codec' | 'seed'> {
  readonly role: 'client' | 'server';
  /** Where it keeps all that shall outlive it. */
  readonly folder: string;
  /** The first process of its kind is 1; each that takes its place has one more. */
  readonly life: number;
  /** Where the client finds the server. */
  readonly port: number;
  /** How often each side must be heard, in ms. */
  readonly ping: number;
  /** How the client comes back. */
  readonly reconnect: { readonly initialInterval: number; readonly maxInterval: number };
  /** How long opening a connection may take, in ms. */
  readonly openTimeout: number;
  /** Whether the client takes another transport for each connection. @default it takes WebSockets */
  readonly isRotating?: boolean;
  /** What it does wrong, to see that it is found. @default nothing */
  readonly sabotage?: 'effect before cursor' | 'forgetful sender' | undefined;
}

/** How a client is connected. */
export interface Carriage {
  readonly status: string;
  readonly protocol: string;
}

/** What a process tells. */
export type Told =
  /** It has begun: a server listens there, a client dials. */
  | { readonly kind: 'up'; readonly port: number }
  /** How its wire is, where it takes another transport each time: at each change, and each second while bytes come. */
  | ({ readonly kind: 'state' } & Carriage)
  /** It is calm, and all it had to send is acked. */
  | { readonly kind: 'drained' }
  /** It cannot go on. */
  | { readonly kind: 'failed'; readonly reason: string };

/** A client or server, of which there is one at a time. */
export interface Actor {
  /** Begins a life, and waits until it is up. */
  start(): Promise<void>;
  /** Ends it without a word. */
  kill(): Promise<void>;
  /** Sends no more than what it has. */
  calm(): void;
}

/** @param onTold Told what the process that lives says; also that it has ended by itself. */
export function createActor(setup: Omit<Setup, 'life'>, onTold: (told: Told) => void): Actor {
  mkdirSync(setup.folder, { recursive: true });
  const up$ = new Subject<void>();
  let life = 0;
  let child: ChildProcess | undefined;

  const hear = (told: Told): void => {
    onTold(told);
    if (told.kind === 'up' || told.kind === 'failed') up$.next();
  };
  const listen = (mine: ChildProcess): void => {
    mine.on('message', (told: Told) => child === mine && hear(told));
    mine.on('exit', (code) => child === mine && hear({ kind: 'failed', reason: `it has ended with ${code}` }));
  };
  return {
    async start() {
      const argument = JSON.stringify({ ...setup, life: ++life, seed: setup.seed + life } satisfies Setup);
      // Not the loaders of this process.
      listen((child = fork(bundle('spec/chaos/child.ts'), [argument], { execArgv: [] })));
      await firstValueFrom(up$);
    },
    async kill() {
      const mine = child;
      child = undefined;
      if (!mine || mine.exitCode !== null) return;
      const exit = once(mine, 'exit');
      mine.kill('SIGKILL');
      await exit;
    },
    calm: () => void child?.send('calm'),
  };
}
