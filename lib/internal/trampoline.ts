/** A queue of tasks that run one after the other. They must not throw. */
export interface Trampoline {
  add(task: () => void): void;
  /**
   * Runs all tasks, and then this one. Tasks that are added meanwhile run after the others, never
   * inside another one.
   */
  run(task?: () => void): void;
}

/**
 * Creates a trampoline, which keeps notifications in order when a subscriber causes the next
 * notification.
 */
export function createTrampoline(): Trampoline {
  const tasks: (() => void)[] = [];
  let isRunning = false;

  return {
    add: (task) => void tasks.push(task),
    run(task) {
      if (task) tasks.push(task);
      if (isRunning) return;
      isRunning = true;
      for (const task of tasks) task();
      tasks.length = 0;
      isRunning = false;
    },
  };
}
