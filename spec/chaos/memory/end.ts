import { fork } from 'node:child_process';
import { once } from 'node:events';
import { filter, firstValueFrom, ReplaySubject, timeout } from 'rxjs';
import { bundle } from '../bundle.js';
import type { Sample } from './flatness.js';

/** What one end is told at its start. */
export interface Setup {
  readonly role: 'producer' | 'consumer';
  /** Where the producer finds the consumer. */
  readonly port: number;
  readonly messages: number;
  /** Messages that it sends, or finishes, in a second. @default as they come */
  readonly rate?: number | undefined;
  /** Whether it waits for acks before it sends more. */
  readonly isPatient: boolean;
  /** How often it looks at its memory, in ms. */
  readonly every: number;
}

/** What one end tells. */
export type Told =
  | { readonly kind: 'up'; readonly port: number }
  | ({ readonly kind: 'sample' } & Sample)
  /** All is acked or dropped. */
  | { readonly kind: 'done'; readonly acked: number; readonly dropped: number }
  | { readonly kind: 'received'; readonly received: number; readonly reordered: number };

type ToldOf<K extends Told['kind']> = Extract<Told, { readonly kind: K }>;

/** One end of a wire, as a process of its own. */
export interface End {
  /** Of its memory. */
  readonly samples: readonly Sample[];
  /** What it tells of that kind; waits for that up to `limit` ms. */
  told<K extends Told['kind']>(kind: K, limit: number): Promise<ToldOf<K>>;
  /** Asks for what it has received. */
  ask(): void;
  kill(): Promise<void>;
}

export function startEnd(setup: Setup): End {
  const child = fork(bundle('spec/chaos/memory/child.ts'), [JSON.stringify(setup)], { execArgv: ['--expose-gc'] });
  const samples: Sample[] = [];
  const told$ = new ReplaySubject<Told>();
  child.on('message', (told: Told) => {
    if (told.kind === 'sample') samples.push(told);
    else told$.next(told);
  });
  child.on('exit', (code) => told$.error(new Error(`the ${setup.role} has ended with ${code}`)));
  return {
    samples,
    told: <K extends Told['kind']>(kind: K, limit: number) =>
      firstValueFrom(
        told$.pipe(
          filter((told): told is ToldOf<K> => told.kind === kind),
          timeout(limit),
        ),
      ),
    ask: () => void child.send('received'),
    async kill() {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}
