import { combineLatest, defer, map, of, startWith, Subject, switchMap, takeUntil, type Observable, type Subscription } from 'rxjs';
import { endOf } from '../internal/endOf.js';
import { wanted, type Wanted } from '../internal/wanted.js';

/** Who is subscribed to a wire. */
export interface WireSubscriptions {
  readonly count: number;
  /** The types that they want, where they say so, by `ofType`, and the patterns of their routes; each once. */
  readonly patterns: readonly (string | RegExp)[];
}

const NOTHING: Wanted = of([]);

/** Knows who is subscribed. Costs next to nothing while nobody looks. */
export function createSubscribers() {
  const subscribers = new Map<Subscription, Wanted>();
  const changes$ = new Subject<unknown>();

  return {
    subscriptions$: defer((): Observable<WireSubscriptions> =>
      changes$.pipe(
        startWith(undefined),
        switchMap(() => combineLatest([NOTHING, ...subscribers.values()])),
        map((patterns) => ({ count: subscribers.size, patterns: [...new Set(patterns.flat())] })),
        takeUntil(endOf(changes$)),
      ),
    ),
    add(subscription: Subscription): void {
      subscribers.set(subscription, wanted() ?? NOTHING);
      changes$.next(undefined);
      subscription.add(() => {
        subscribers.delete(subscription);
        changes$.next(undefined);
      });
    },
    close: (): void => changes$.complete(),
  };
}
