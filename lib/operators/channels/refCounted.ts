import { defer, finalize, type Observable } from 'rxjs';

export type RefCount = ReturnType<typeof refCounted>;

/**
 * Counts the subscribers of several streams.
 *
 * @param onFirst Called before the first subscription.
 * @param onLast Called after the last one has ended. Both may be called repeatedly.
 */
export function refCounted(onFirst: () => void, onLast: () => void) {
  let count = 0;
  const leave = (): void => {
    if (--count === 0) onLast();
  };
  return {
    isActive: (): boolean => count > 0,
    /** Returns the stream, whose subscribers count. */
    by: <T>(source: Observable<T>): Observable<T> =>
      defer(() => {
        if (count++ === 0) onFirst();
        return source.pipe(finalize(leave));
      }),
  };
}
