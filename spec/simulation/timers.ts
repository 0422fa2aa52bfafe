/**
 * From now on, nothing may wait for real time; RxJS does when a subscriber has thrown, which it reports so. Returns a function that restores the timers.
 */
export function guardTimers(fail: (error: unknown) => void): () => void {
  const { setTimeout } = globalThis;
  const guarded = (task: () => void): number => {
    try {
      task();
      fail(new Error('a real timer'));
    } catch (error) {
      fail(error);
    }
    return 0;
  };
  globalThis.setTimeout = guarded as unknown as typeof setTimeout;
  return () => void (globalThis.setTimeout = setTimeout);
}

/** Runs something that does not wait for real time. */
export function withoutTimers(fail: (error: unknown) => void, run: () => void): void {
  const restore = guardTimers(fail);
  try {
    run();
  } catch (error) {
    fail(error);
  } finally {
    restore();
  }
}
