import { asapScheduler, config, VirtualTimeScheduler } from 'rxjs';
import { SessionLoop, type LoopTask } from '../../../lib/wire/session/sessionLoop.js';

class Task implements LoopTask {
  isScheduled = false;
  wakesAt = Infinity;
  readonly runs: number[] = [];
  constructor(readonly onRun: (now: number) => void = () => undefined) {}
  run(now: number): void {
    this.runs.push(now);
    this.onRun(now);
  }
}

/** Returns a loop on virtual time, and a function that lets time pass. */
function start() {
  const scheduler = new VirtualTimeScheduler();
  const loop = new SessionLoop(scheduler, scheduler);
  const pass = (until: number): void => {
    scheduler.maxFrames = until;
    scheduler.flush();
    scheduler.frame = until;
  };
  return { loop, pass, scheduler };
}

describe('SessionLoop', () => {
  it('runs a scheduled task once, at the end of the microtask', async () => {
    const loop = new SessionLoop(asapScheduler, undefined);
    const [one, other] = [new Task(), new Task()];
    for (const task of [one, other, one]) loop.schedule(task);
    expect(one.runs).toEqual([]);
    await Promise.resolve();
    expect([one.runs.length, other.runs.length]).toEqual([1, 1]);
  });

  it('runs a task at its time, and no more', () => {
    const { loop, pass } = start();
    const task = new Task();
    loop.wake(task, 25, 0);
    pass(24);
    expect(task.runs).toEqual([]);
    pass(10_000);
    expect(task.runs).toEqual([25]);
  });

  it('keeps an early time and a late one of a task', () => {
    const { loop, pass } = start();
    const task = new Task();
    loop.wake(task, 7_500, 0);
    loop.wake(task, 25, 0);
    loop.wake(task, 7_500, 0);
    pass(10_000);
    expect(task.runs).toEqual([25, 7_500]);
  });

  it('runs a task at its time, also a far one, and lets tasks of one time share a timer', () => {
    const { loop, pass, scheduler } = start();
    const tasks = [2_001, 2_001, 2_001].map((at) => {
      const task = new Task();
      loop.wake(task, at, 0);
      return task;
    });
    expect(scheduler.actions.length).toBe(1);
    pass(10_000);
    expect(tasks.map(({ runs }) => runs)).toEqual([[2_001], [2_001], [2_001]]);
  });

  it('runs a task again that asks for it when it runs', () => {
    const { loop, pass } = start();
    const task: Task = new Task((now) => loop.wake(task, now + 10, now));
    loop.wake(task, 10, 0);
    pass(35);
    expect(task.runs).toEqual([10, 20, 30]);
  });

  it('forgets a removed task, and clears the timer when none is left', () => {
    const { loop, pass, scheduler } = start();
    const task = new Task();
    loop.wake(task, 10, 0);
    loop.wake(task, 5_000, 0);
    loop.remove(task);
    expect(scheduler.actions.length).toBe(0);
    pass(10_000);
    expect(task.runs).toEqual([]);
  });

  it('runs the others when a task throws, and reports the error', () => {
    const { loop, pass } = start();
    const errors: unknown[] = [];
    config.onUnhandledError = (error: unknown) => void errors.push(error);
    const failing = new Task(() => {
      throw new Error('no');
    });
    const other = new Task();
    for (const task of [failing, other]) loop.schedule(task);
    for (const task of [failing, other]) loop.wake(task, 10, 0);
    pass(10);
    config.onUnhandledError = null;
    expect([other.runs, errors]).toEqual([
      [0, 10],
      [new Error('no'), new Error('no')],
    ]);
  });
});
