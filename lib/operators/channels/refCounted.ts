import { defer, finalize, type Observable } from 'rxjs';

export type RefCount = ReturnType<typeof refCounted>;

/**
 * Counts the subscribers of several streams. Calls `onFirst` before the first of them, and `onLast`
 * after the last one, each repeatedly.
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
