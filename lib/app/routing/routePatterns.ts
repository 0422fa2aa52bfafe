import { defer, map, startWith, Subject } from 'rxjs';
import type { Wanted } from '../../internal/wanted.js';

/** The patterns of a router, for who looks at the subscriptions of a wire. */
export interface RoutePatterns {
  /** All of them: now, and at each change. */
  readonly patterns$: Wanted;
  /** Returns how to forget it again. */
  readonly note: (pattern: string | RegExp) => () => void;
}

export function createPatterns(): RoutePatterns {
  const patterns = new Map<symbol, string | RegExp>();
  const changes$ = new Subject<void>();
  return {
    patterns$: defer(() =>
      changes$.pipe(
        startWith(undefined),
        map(() => [...patterns.values()]),
      ),
    ),
    note(pattern) {
      const key = Symbol();
      patterns.set(key, pattern);
      changes$.next();
      return () => {
        patterns.delete(key);
        changes$.next();
      };
    },
  };
}
