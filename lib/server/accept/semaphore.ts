import { once } from '../../message/once.js';

/**
 * Limits the number of jobs that run at once; the others wait in order. Returns a function that
 * takes the start of a job, which must not throw, and returns the function that ends the job, or
 * gives up its place.
 */
export function createSemaphore(concurrency: number): (start: () => void) => () => void {
  const waiting = new Set<{ readonly start: () => void }>();
  let running = 0;
  let isStarting = false;
  const startNext = (): void => {
    // A loop in place of a recursion: each job may end while it starts.
    if (isStarting) return;
    isStarting = true;
    for (const job of waiting) {
      if (running >= concurrency) break;
      waiting.delete(job);
      running++;
      job.start();
    }
    isStarting = false;
  };

  return (start) => {
    const job = { start };
    waiting.add(job);
    startNext();
    return once(() => {
      if (!waiting.delete(job)) running--;
      startNext();
    });
  };
}
