import { asyncScheduler } from 'rxjs';
import { createCoalescedTimer } from '../../internal/coalescedTimer.js';
import { exponentialDelay } from '../../internal/retryDelays.js';
import type { PoolOptions } from './poolOptions.js';

export interface ReopeningOptions extends Pick<PoolOptions, 'initialInterval' | 'maxInterval' | 'scheduler' | 'random'> {
  /** It may be tried again. */
  readonly onReady: () => void;
}

/** Holds back what has failed: longer each time, until it works. */
export function createReopening({ onReady, ...options }: ReopeningOptions) {
  const { initialInterval = 500, maxInterval = 30_000, scheduler = asyncScheduler, random = Math.random } = options;
  let failures = 0;
  let isWaiting = false;
  const alarm = createCoalescedTimer(scheduler, () => {
    isWaiting = false;
    onReady();
  });
  return {
    isWaiting: (): boolean => isWaiting,
    failed(): void {
      if (isWaiting) return;
      isWaiting = true;
      const delay = Math.min(exponentialDelay(failures++, initialInterval), maxInterval);
      alarm.set(delay * (1 - random() / 2));
    },
    worked: (): void => void (failures = 0),
    stop: (): void => alarm.clear(),
  };
}
