/** Waits until an expectation is met; fails as it does when that takes too long. For what comes at some time, never for what must not come. */
export async function eventually(expectation: () => void, within = 4_000): Promise<void> {
  const end = performance.now() + within;
  for (;;) {
    try {
      expectation();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
