import { AsyncSubject, defer, mergeMap, Subject, type Observable } from 'rxjs';
import { OverflowError } from '../errors.js';

interface ReadJob<T> {
  readonly key: string;
  readonly answer$: AsyncSubject<T>;
  readonly work: () => Promise<T>;
}

/**
 * Runs work by key with limited concurrency. A caller whose key is already waiting gets the same
 * result. Work that has started is not shared, because it may have read too early.
 */
export function createSharedReads<T>(concurrency: number, maxWaiting: number): (key: string, work: () => Promise<T>) => Observable<T> {
  const waiting = new Map<string, ReadJob<T>>();
  const jobs$ = new Subject<ReadJob<T>>();
  const run = async ({ key, answer$, work }: ReadJob<T>): Promise<void> => {
    waiting.delete(key);
    try {
      answer$.next(await work());
      answer$.complete();
    } catch (error) {
      answer$.error(error);
    }
  };
  jobs$.pipe(mergeMap((job) => defer(() => run(job)), concurrency)).subscribe();

  return (key, work) => {
    const pending = waiting.get(key);
    if (pending) return pending.answer$;
    if (waiting.size >= maxWaiting) throw new OverflowError('nats', maxWaiting);
    const job: ReadJob<T> = { key, answer$: new AsyncSubject(), work };
    waiting.set(key, job);
    jobs$.next(job);
    return job.answer$;
  };
}
