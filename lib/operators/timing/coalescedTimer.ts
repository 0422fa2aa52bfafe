import type { SchedulerLike, Unsubscribable } from 'rxjs';

/**
 * The maximum delay of a timer; a longer one fires after 1 ms:
 * https://html.spec.whatwg.org/multipage/timers-and-user-prompts.html (delays are signed 32-bit).
 */
export const MAX_DELAY = 2_147_483_647;

export type CoalescedTimer = ReturnType<typeof createCoalescedTimer>;

/**
 * Creates one timer for all entries of a data structure, with deadlines in ascending order: set it
 * to the first; when it fires, handle the due entries and set it again.
 */
export function createCoalescedTimer(scheduler: SchedulerLike, onFire: () => void) {
  let isSet = false;
  let timer: Unsubscribable | undefined;

  const fire = (): void => {
    isSet = false;
    onFire();
  };
  return {
    /** Fires after `delay` ms, at most {@link MAX_DELAY}. No effect while the timer is set. */
    set(delay: number): void {
      if (isSet) return;
      isSet = true;
      timer = scheduler.schedule(fire, Math.min(delay, MAX_DELAY));
    },
    clear(): void {
      isSet = false;
      timer?.unsubscribe();
    },
  };
}
