/**
 * Returns the lowest number that no other tab of this site has, and keeps it until the tab is closed. One tab at a time can own an outbox, so each tab opens the
 * outbox of its number. A later tab with that number sends what the earlier one has left.
 */
export async function takeSlot(): Promise<number> {
  for (let slot = 1; ; slot++) if (await tryLock(`notes-slot-${slot}`)) return slot;
}

/** Waits for a moment: a page that is being reloaded may still hold its lock. */
function tryLock(name: string): Promise<boolean> {
  // Pages without TLS, and jsdom, have no locks.
  if (!('locks' in navigator)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const untilClosed = () => {
      resolve(true);
      return new Promise<void>(() => {});
    };
    navigator.locks
      .request(name, { signal: AbortSignal.timeout(300) }, untilClosed)
      .catch(() => resolve(false));
  });
}
