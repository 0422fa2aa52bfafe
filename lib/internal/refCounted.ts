import { defer, finalize, type Observable } from 'rxjs';

/** A resource that is needed while any of several streams has a subscriber. */
export interface RefCount {
  readonly isActive: () => boolean;
  /** Returns the stream, whose subscribers count as users. */
  readonly by: <T>(source: Observable<T>) => Observable<T>;
}

/**
 * @param onFirst Called before the first subscription.
 * @param onLast Called after the last one has
 *   ended. Both may be called repeatedly.
 */
export function refCounted(onFirst: () => void, onLast: () => void): RefCount {
  let count = 0;
  const leave = (): void => {
    if (--count === 0) onLast();
  };
  return {
    isActive: () => count > 0,
    by: (source) =>
      defer(() => {
        if (count++ === 0) onFirst();
        return source.pipe(finalize(leave));
      }),
  };
}
