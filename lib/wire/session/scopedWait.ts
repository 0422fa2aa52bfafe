import type { Subscription } from 'rxjs';
import { whenReady, type MaybePromise } from '../../message/maybeAsync.js';

/** Waits for a result until the session ends. */
export type Wait = <T>(later: () => MaybePromise<T>, done: (value: T) => void, failed: (error: unknown) => void) => void;

/** Returns a function that waits for results until `life` ends. It fails also if `later` throws. */
export function scopedWait(life: Subscription): Wait {
  return (later, done, failed) => {
    let answer;
    try {
      answer = later();
    } catch (error) {
      failed(error);
      return;
    }
    life.add(whenReady(answer, done, failed));
  };
}
