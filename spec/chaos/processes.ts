import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { firstValueFrom, Subject } from 'rxjs';
import { bundle } from './bundle.js';
import type { ChannelTotals } from './channels.js';
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
  /** Whether several servers share the store: a server may lose a client, and its messages that are not stored. @default one server */
  readonly isShared?: boolean;
  /** How long the client waits for a welcome, in ms. @default 1_000 */
  readonly handshakeTimeout?: number;
  /** Names the client for the server. @default nobody */
  readonly token?: string;
  /** What it does wrong, to see that it is found. @default nothing */
  readonly sabotage?: 'effect before cursor' | 'forgetful sender' | 'no fence' | undefined;
}

/** The setup of a node of a cluster, from its start on. */
export interface NodeSetup extends Omit<SidePlan, 'handler'>, Pick<Setup, 'folder' | 'life' | 'seed' | 'ping'> {
  /** Names the cluster. */
  readonly name: string;
  readonly node: string;
  readonly port: number;
  /** Where NATS listens. */
  readonly nats: readonly string[];
  readonly replicas: number;
  /** The channels to which the node writes. */
  readonly channels: readonly string[];
  readonly sabotage?: 'no fence' | undefined;
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
  /** A hello of it was answered after so long, in ms. */
  | { readonly kind: 'welcomed'; readonly after: number }
  /** It is calm, and all it had to send is acked. */
  | { readonly kind: 'drained'; readonly client?: string }
  /** It has written to its channels, and its member has received all. */
  | ({ readonly kind: 'channels' } & ChannelTotals)
  /** It has written, or read, all of a stream. */
  | { readonly kind: 'done' }
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
  /** Stops it where it is, until `thaw`. */
  freeze(): void;
  thaw(): void;
}

/** Returns the next number at each call, from 1 on. */
export function createLives(): () => number {
  let life = 0;
  return () => ++life;
}

/** A program that runs as one process at a time, and may be killed and started again. */
export interface Respawned {
  /** Starts a process, and waits until it says that it is `up`, or has `failed`. @param argument What it is told at its start. */
  readonly start: (argument: object) => Promise<void>;
  /** Kills the process, and waits until it has ended. */
  readonly kill: () => Promise<void>;
  /** Waits until the process has ended by itself. */
  readonly ended: () => Promise<void>;
  readonly send: (message: string) => void;
  readonly signal: (name: NodeJS.Signals) => void;
}

/** @param onTold Told what the process that lives says; also that it has ended by itself. */
export function createRespawned(program: string, onTold: (told: Told) => void): Respawned {
  const up$ = new Subject<void>();
  let child: ChildProcess | undefined;

  const hear = (told: Told): void => {
    onTold(told);
    if (told.kind === 'up' || told.kind === 'failed') up$.next();
  };
  return {
    async start(argument) {
      // Not the loaders of this process.
      const mine = (child = fork(bundle(program), [JSON.stringify(argument)], { execArgv: [] }));
      mine.on('message', (told: Told) => child === mine && hear(told));
      mine.on('exit', (code) => child === mine && hear({ kind: 'failed', reason: `it has ended with ${code}` }));
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
    async ended() {
      if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
    send(message) {
      if (child?.connected) child.send(message);
    },
    signal: (name) => void child?.kill(name),
  };
}

/**
 * @param onTold Told what the process that lives says; also that it has ended by itself.
 * @param nextLife Actors that share a folder share the numbers of their lives.
 */
export function createActor(setup: Omit<Setup, 'life'>, onTold: (told: Told) => void, nextLife = createLives()): Actor {
  mkdirSync(setup.folder, { recursive: true });
  const { start, kill, send, signal } = createRespawned('spec/chaos/child.ts', onTold);
  return {
    kill,
    start() {
      const life = nextLife();
      return start({ ...setup, life, seed: setup.seed + life } satisfies Setup);
    },
    calm: () => send('calm'),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  };
}
