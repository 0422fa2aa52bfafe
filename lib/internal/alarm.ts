import type { SchedulerLike, Unsubscribable } from 'rxjs';

/**
 * The longest delay that timers can keep; a longer one fires after 1 ms:
 * https://html.spec.whatwg.org/multipage/timers-and-user-prompts.html (delays are signed 32-bit).
 */
export const MAX_DELAY = 2 ** 31 - 1;

/** One timer for a whole structure. */
export interface Alarm {
  /** Rings after `delay` ms, or after {@link MAX_DELAY}. An alarm that is set stays as it is. */
  set(delay: number): void;
  clear(): void;
}

/** An alarm for deadlines that come in order: set it to the first of them; when it rings, see what is due, and set it again. */
export function createAlarm(scheduler: SchedulerLike, ring: () => void): Alarm {
  let isSet = false;
  let timer: Unsubscribable | undefined;

  const goOff = (): void => {
    isSet = false;
    ring();
  };
  return {
    set(delay) {
      if (isSet) return;
      isSet = true;
      timer = scheduler.schedule(goOff, Math.min(delay, MAX_DELAY));
    },
    clear() {
      isSet = false;
      timer?.unsubscribe();
    },
  };
}
