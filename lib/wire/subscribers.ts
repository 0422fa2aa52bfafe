import {
  combineLatest,
  defer,
  EMPTY,
  map,
  of,
  startWith,
  Subject,
  switchMap,
  takeUntil,
  type Observable,
  type Subscription,
  type Unsubscribable,
} from 'rxjs';
import { completionOf } from '../internal/completionOf.js';
import { subscribeContext, type SubscribedPatterns } from '../internal/subscribeContext.js';

/** Who is subscribed to a wire. */
export interface WireSubscriptions {
  readonly count: number;
  /** The types that they want, where they say so, by `ofType`, and the patterns of their routes; each once. */
  readonly patterns: readonly (string | RegExp)[];
}

const NOTHING: SubscribedPatterns = of([]);

/** Knows who is subscribed. Costs next to nothing while nobody looks. */

export class Subscribers {
  readonly #present = new Map<Unsubscribable, SubscribedPatterns>();
  /** Made when somebody looks. */
  #changes$: Subject<unknown> | undefined;
  #isOver = false;

  /** Now, and at each change. */
  subscriptions(): Observable<WireSubscriptions> {
    return defer(() => {
      const changes$: Observable<unknown> = this.#isOver ? EMPTY : (this.#changes$ ??= new Subject());
      return changes$.pipe(
        startWith(undefined),
        switchMap(() => combineLatest([NOTHING, ...this.#present.values()])),
        map((patterns) => ({ count: this.#present.size, patterns: [...new Set(patterns.flat())] })),
        takeUntil(completionOf(changes$)),
      );
    });
  }

  add(subscription: Subscription): void {
    const one = { unsubscribe: () => this.#change(this.#present.delete(one)) };
    this.#change(this.#present.set(one, subscribeContext() ?? NOTHING));
    subscription.add(one);
  }

  #change(changed: unknown): void {
    this.#changes$?.next(changed);
  }

  close(): void {
    this.#isOver = true;
    this.#changes$?.complete();
  }
}
