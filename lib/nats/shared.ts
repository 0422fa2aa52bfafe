import { AsyncSubject, defer, mergeMap, Subject, type Observable } from 'rxjs';
import { OverflowError } from '../errors.js';

interface Job<T> {
  readonly key: string;
  readonly answer$: AsyncSubject<T>;
  readonly work: () => Promise<T>;
}

/**
 * Does work that is asked for under a key, so much of it at once. Who asks for what waits for its turn gets the same answer; what has begun may
 * have looked too early for who asks now.
 */
export function createShared<T>(concurrency: number, maxWaiting: number): (key: string, work: () => Promise<T>) => Observable<T> {
  const waiting = new Map<string, Job<T>>();
  const jobs$ = new Subject<Job<T>>();
  const run = async ({ key, answer$, work }: Job<T>): Promise<void> => {
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
    const known = waiting.get(key);
    if (known) return known.answer$;
    if (waiting.size >= maxWaiting) throw new OverflowError('nats', maxWaiting);
    const job: Job<T> = { key, answer$: new AsyncSubject(), work };
    waiting.set(key, job);
    jobs$.next(job);
    return job.answer$;
  };
}
