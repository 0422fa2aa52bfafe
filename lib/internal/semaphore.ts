import { catchError, defer, EMPTY, finalize, merge, mergeAll, ReplaySubject, Subject, takeUntil, tap, type Observable } from 'rxjs';

/**
 * Limits the number of concurrent subscriptions; the others wait in order. Unsubscribing gives up
 * the place.
 */
export function createSemaphore(concurrency: number): <T>(source: Observable<T>) => Observable<T> {
  const jobs$ = new Subject<Observable<unknown>>();
  jobs$.pipe(mergeAll(concurrency)).subscribe();

  return <T>(source: Observable<T>) =>
    defer(() => {
      const result$ = new Subject<T>();
      const left$ = new ReplaySubject<void>(1);
      const job$ = source.pipe(
        tap({
          next: (value) => result$.next(value),
          error: (error) => result$.error(error),
          complete: () => result$.complete(),
        }),
        takeUntil(left$),
        catchError(() => EMPTY),
      );
      const enter$ = defer(() => {
        jobs$.next(job$);
        return EMPTY;
      });
      return merge(result$, enter$).pipe(finalize(() => left$.next()));
    });
}
