import type { SchedulerLike } from 'rxjs';

/** The longest wait until the better links are tried again, in ms. */
const MAX_WAIT = 3_600_000;

/** Which link worked last, and when the better ones are worth another try. */
export interface Preference {
  /** The one that is in use. */
  current: number;
  /** The one to begin with. */
  start(): number;
  /** One of them is about to be tried. */
  tries(index: number): void;
  works(index: number): void;
  /** How long until those before it are tried again, in ms. */
  wait(): number;
}

/** @param first The first wait, in ms: twice as long each time it was in vain. */
export function createPreference(first: number, { now }: Pick<SchedulerLike, 'now'>): Preference {
  let best = 0;
  let triedAt = -Infinity;
  /** How often the first one was tried since it worked last. */
  let count = 0;
  const due = (): number => triedAt + Math.min(first * 2 ** Math.max(0, count - 1), Math.max(first, MAX_WAIT));
  return {
    current: 0,
    start: () => (now() >= due() ? 0 : best),
    tries(index) {
      if (index > 0) return;
      count++;
      triedAt = now();
    },
    works(index) {
      best = index;
      if (index === 0) count = 0;
    },
    wait: () => Math.max(0, due() - now()),
  };
}
