import type { SchedulerLike } from 'rxjs';
import type { Chance } from './chance.js';
import type { Clock } from './clock.js';

/** A process, from its start to its crash. Nothing of it is told that it dies: it just does not go on. */
export interface Life {
  /** `client 1`, `server 2`. */
  readonly name: string;
  readonly isAlive: () => boolean;
  /** Timers and tasks that wait. */
  readonly waiting: () => number;
  readonly scheduler: SchedulerLike;
  readonly microtask: SchedulerLike;
  /** It is about to do something that others could see: it may die before that. Answers whether it lives. */
  readonly step: () => boolean;
  readonly die: () => void;
  readonly onDeath: (task: () => void) => void;
}

export interface LifeOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly name: string;
  /** How likely each step is the last. */
  readonly crash: () => number;
  readonly onCrash: () => void;
}

export function createLife({ clock, chance, name, crash, onCrash }: LifeOptions): Life {
  const tasks: (() => void)[] = [];
  let isAlive = true;
  let waiting = 0;

  const isRunning = (): boolean => isAlive;
  const count = (change: 1 | -1): void => void (waiting += change);
  const die = (): void => {
    if (!isAlive) return;
    isAlive = false;
    for (const task of tasks.splice(0)) task();
  };
  return {
    name,
    isAlive: isRunning,
    waiting: () => waiting,
    scheduler: clock.scheduler('timer', isRunning, count),
    microtask: clock.scheduler('microtask', isRunning, count),
    step() {
      if (isAlive && chance.hit(crash())) {
        die();
        onCrash();
      }
      return isAlive;
    },
    die,
    onDeath: (task) => void tasks.push(task),
  };
}
