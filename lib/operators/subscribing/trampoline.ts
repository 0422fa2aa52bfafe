/**
 * Creates a queue of tasks that run one after the other, which keeps notifications in order when a
 * subscriber causes the next notification. The tasks must not throw.
 */
export function createTrampoline() {
  const tasks: (() => void)[] = [];
  let isRunning = false;

  return {
    add: (task: () => void): void => void tasks.push(task),
    /** Runs all tasks, then this one. Tasks that are added meanwhile run after the others. */
    run(task?: () => void): void {
      if (task && (isRunning || tasks[0])) tasks.push(task);
      if (isRunning) return;
      isRunning = true;
      if (!tasks[0]) task?.();
      for (const task of tasks) task();
      tasks.length = 0;
      isRunning = false;
    },
  };
}
