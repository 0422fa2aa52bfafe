import { noop } from 'rxjs';
import { OverflowError } from '../errors.js';
import { createSemaphore } from '../internal/semaphore.js';

/**
 * Runs work by key with limited concurrency. A caller whose key is already waiting gets the same
 * result. Work that has started is not shared, because it may have read too early.
 */
export function createSharedReads<T>(concurrency: number, maxWaiting: number): (key: string, work: () => Promise<T>) => Promise<T> {
  const waiting = new Map<string, Promise<T>>();
  const enter = createSemaphore(concurrency);
  return (key, work) => {
    const pending = waiting.get(key);
    if (pending) return pending;
    if (waiting.size >= maxWaiting) throw new OverflowError('nats', maxWaiting);
    let leave = noop;
    const entered = new Promise<void>((resolve) => (leave = enter(resolve)));
    const start = (): Promise<T> => {
      waiting.delete(key);
      return work();
    };
    const result = entered.then(start).finally(() => leave());
    waiting.set(key, result);
    return result;
  };
}
