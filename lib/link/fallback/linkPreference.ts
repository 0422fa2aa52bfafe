import type { SchedulerLike } from 'rxjs';

/** The maximum wait before better links are tried again, in ms. */
const MAX_WAIT = 3_600_000;

/** Remembers which link worked last, and when to retry better ones. */
export interface LinkPreference {
  /** The index of the link in use. */
  current: number;
  /** Returns the index of the link to start with. */
  start(): number;
  /** Records an attempt. */
  onAttempt(index: number): void;
  onSuccess(index: number): void;
  /** Returns the time until better links are tried again, in ms. */
  untilRetry(): number;
}

/** @param first The first wait, in ms. It doubles after each failure. */
export function createLinkPreference(first: number, { now }: Pick<SchedulerLike, 'now'>): LinkPreference {
  let best = 0;
  let triedAt = -Infinity;
  /** The number of attempts of the first link since it last worked. */
  let count = 0;
  const retryAt = (): number => triedAt + Math.min(first * 2 ** Math.max(0, count - 1), Math.max(first, MAX_WAIT));
  return {
    current: 0,
    start: () => (now() >= retryAt() ? 0 : best),
    onAttempt(index) {
      if (index > 0) return;
      count++;
      triedAt = now();
    },
    onSuccess(index) {
      best = index;
      if (index === 0) count = 0;
    },
    untilRetry: () => Math.max(0, retryAt() - now()),
  };
}
