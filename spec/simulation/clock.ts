import { Subscription, type SchedulerAction, type SchedulerLike } from 'rxjs';

/** What is due at one time runs in this order: microtasks come before all else. */
export type Lane = 'microtask' | 'timer';

/** Does a task of a process at once, or when the process is continued. */
export type WhenRunning = (task: () => void, lane?: Lane) => void;

interface Due {
  readonly time: number;
  readonly lane: Lane;
  readonly order: number;
  readonly run: () => void;
}

/** Virtual time: it passes only in `run`, and as fast as what is due can be done. */
export interface Clock {
  /** In ms. */
  readonly now: () => number;
  /** Runs a task at a time; those of the same time in the order in which they came. */
  at(time: number, task: () => void): void;
  /** Runs a task `delay` ms from now. */
  after(delay: number, task: () => void): void;
  /** Runs a task before anything else that is due. */
  soon(task: () => void): void;
  /** Lets time pass, for as long as `goOn` says. */
  run(until: number, goOn: () => boolean): void;
  /** The same, where the tasks use promises: these are settled before the next task. */
  runSettled(until: number, goOn: () => boolean): Promise<void>;
  /** How many tasks have run. */
  readonly steps: () => number;
  /** A scheduler for RxJS whose tasks run only while `isAlive` says so; `count` is told how many more wait, and `whenRunning` may put a task off. */
  scheduler(lane: Lane, isAlive: () => boolean, count: (change: 1 | -1) => void, whenRunning: WhenRunning): SchedulerLike;
}

/** A heap, where RxJS's own `VirtualTimeScheduler` sorts all that waits each time. */
export function createClock(): Clock {
  const heap: Due[] = [];
  let time = 0;
  let order = 0;
  let steps = 0;

  const add = (lane: Lane, due: number, run: () => void): void => {
    push(heap, { time: Math.max(time, due), lane, order: order++, run });
  };
  /** Runs the first task, if it is due. */
  const runNext = (until: number, goOn: () => boolean): boolean => {
    const [next] = heap;
    if (!next || next.time > until || !goOn()) return false;
    pop(heap);
    time = next.time;
    steps++;
    next.run();
    return true;
  };
  return {
    now: () => time,
    steps: () => steps,
    at: (due, task) => add('timer', due, task),
    after: (delay, task) => add('timer', time + delay, task),
    soon: (task) => add('microtask', time, task),
    run(until, goOn) {
      while (runNext(until, goOn));
      if (goOn()) time = until;
    },
    async runSettled(until, goOn) {
      await settled();
      while (runNext(until, goOn)) await settled();
      if (goOn()) time = until;
    },
    scheduler: (lane, isAlive, count, whenRunning) => ({
      now: () => time,
      schedule<T>(work: (this: SchedulerAction<T>, state?: T) => void, delay = 0, state?: T): Subscription {
        const action = new Subscription() as SchedulerAction<T>;
        action.add(() => isWaiting && count(-1));
        let isWaiting = false;
        action.schedule = (next, wait = 0) => {
          if (action.closed) return action;
          isWaiting = true;
          count(1);
          const run = (): void => {
            if (action.closed || !isAlive()) return;
            isWaiting = false;
            count(-1);
            work.call(action, next);
          };
          add(lane, time + wait, () => whenRunning(run, lane));
          return action;
        };
        return action.schedule(state, delay);
      },
    }),
  };
}

/** The longest chain of promises that a task leaves behind. */
const CHAIN = 6;

async function settled(): Promise<void> {
  for (let link = 0; link < CHAIN; link++) await Promise.resolve();
}

function isEarlier(a: Due, b: Due): boolean {
  if (a.time !== b.time) return a.time < b.time;
  return a.lane === b.lane ? a.order < b.order : a.lane === 'microtask';
}

function push(heap: Due[], due: Due): void {
  let index = heap.length;
  for (; index > 0; index = (index - 1) >> 1) {
    const parent = heap[(index - 1) >> 1]!;
    if (isEarlier(parent, due)) break;
    heap[index] = parent;
  }
  heap[index] = due;
}

function pop(heap: Due[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let index = 0;
  for (let child = 1; child < heap.length; child = 2 * index + 1) {
    if (child + 1 < heap.length && isEarlier(heap[child + 1]!, heap[child]!)) child++;
    if (isEarlier(last, heap[child]!)) break;
    heap[index] = heap[child]!;
    index = child;
  }
  heap[index] = last;
}
