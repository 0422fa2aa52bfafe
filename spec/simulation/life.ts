import type { SchedulerLike } from 'rxjs';
import type { SteadyScheduler } from '../../lib/message/steadyScheduler.js';
import type { Chance } from './chance.js';
import type { Clock, Lane, WhenRunning } from './clock.js';

/** A process, from its start to its crash. Nothing of it is told that it dies: it just does not go on. */
export interface Life {
  /** `client 1`, `server 2`. */
  readonly name: string;
  readonly isAlive: () => boolean;
  /** Timers and tasks that wait. */
  readonly waiting: () => number;
  readonly scheduler: SteadyScheduler;
  readonly microtask: SchedulerLike;
  /** It is about to do something that others could see: it may die before that. Answers whether it lives. */
  readonly step: () => boolean;
  readonly die: () => void;
  readonly onDeath: (task: () => void) => void;
  /** Lets nothing of it happen for so long, in ms: then all of that happens, in order. */
  readonly freeze: (duration: number) => void;
  readonly isFrozen: () => boolean;
  /** When it went on last after it stood still, in ms; Infinity while it stands still. */
  readonly thawedAt: () => number;
  readonly whenRunning: WhenRunning;
}

export interface LifeOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly name: string;
  /** How much its date is ahead of the time, in ms. @default none */
  readonly ahead?: () => number;
  /** How likely each step is the last. */
  readonly crash: () => number;
  readonly onCrash: () => void;
}

export function createLife({ clock, chance, name, ahead = () => 0, crash, onCrash }: LifeOptions): Life {
  const tasks: (() => void)[] = [];
  let isAlive = true;
  let waiting = 0;
  let thawedAt = -Infinity;

  const isRunning = (): boolean => isAlive;
  const count = (change: 1 | -1): void => void (waiting += change);
  let frozen: { readonly task: () => void; readonly lane: Lane }[] | undefined;
  const whenRunning: WhenRunning = (task, lane = 'timer') => {
    if (frozen) frozen.push({ task, lane });
    else task();
  };
  const thaw = (): void => {
    const all = frozen ?? [];
    frozen = undefined;
    thawedAt = clock.now();
    for (const { task, lane } of all) {
      const run = (): void => whenRunning(task, lane);
      if (lane === 'microtask') clock.soon(run);
      else clock.after(0, run);
    }
  };
  const die = (): void => {
    if (!isAlive) return;
    isAlive = false;
    for (const task of tasks.splice(0)) task();
  };
  return {
    name,
    isAlive: isRunning,
    waiting: () => waiting,
    scheduler: { ...clock.scheduler('timer', isRunning, count, whenRunning), wallTime: () => clock.now() + ahead() },
    microtask: clock.scheduler('microtask', isRunning, count, whenRunning),
    step() {
      if (isAlive && chance.hit(crash())) {
        die();
        onCrash();
      }
      return isAlive;
    },
    die,
    onDeath: (task) => void tasks.push(task),
    freeze(duration) {
      if (frozen) return;
      frozen = [];
      thawedAt = Infinity;
      clock.after(duration, thaw);
    },
    isFrozen: () => frozen !== undefined,
    thawedAt: () => thawedAt,
    whenRunning,
  };
}
