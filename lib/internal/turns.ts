/** Tasks that run one after the other, however they come to be added. They must not throw. */
export interface Turns {
  add(task: () => void): void;
  /** Runs all tasks. Those added meanwhile, by what a task does, come after the others: none runs inside another. */
  run(): void;
}

/** A trampoline: it keeps notifications in order when a subscriber answers one by causing the next. */
export function createTurns(): Turns {
  const tasks: (() => void)[] = [];
  let isRunning = false;

  return {
    add: (task) => void tasks.push(task),
    run() {
      if (isRunning) return;
      isRunning = true;
      for (const task of tasks) task();
      tasks.length = 0;
      isRunning = false;
    },
  };
}
