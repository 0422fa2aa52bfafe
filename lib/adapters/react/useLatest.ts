import { useMemo, useSyncExternalStore } from 'react';
import { noop, type Observable } from 'rxjs';

/**
 * Returns the latest emission of an Observable, and `initial` before the first one. It subscribes
 * while the component is mounted. An error or the end of the Observable keeps the latest emission.
 *
 * @param source$ Keep it stable: the hook subscribes to another one again. `undefined`: none.
 * @param initial The value on a server, and during hydration, too.
 */
export function useLatest<T>(source$: Observable<T> | undefined, initial: T): T {
  const { subscribe, read } = useMemo(() => latestOf(source$, initial), [source$]);
  return useSyncExternalStore(subscribe, read, () => initial);
}

function latestOf<T>(source$: Observable<T> | undefined, initial: T) {
  let latest = initial;
  const subscribe = (onChange: () => void): (() => void) => {
    const next = (value: T): void => {
      latest = value;
      onChange();
    };
    const subscription = source$?.subscribe({ next, error: noop });
    return () => subscription?.unsubscribe();
  };
  return { subscribe, read: () => latest };
}
