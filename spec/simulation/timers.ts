/** Nothing may wait for real time; RxJS does when a subscriber has thrown, which it reports so. */
export function withoutTimers(fail: (error: unknown) => void, run: () => void): void {
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
  try {
    run();
  } catch (error) {
    fail(error);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}
