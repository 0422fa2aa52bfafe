import {
  defer,
  EMPTY,
  map,
  merge,
  of,
  skip,
  Subject,
  switchMap,
  type Observable,
  type SchedulerLike,
  type Subscription,
  type Unsubscribable,
} from 'rxjs';
import { subscribeContext, type SubscribedPatterns } from '../internal/subscribeContext.js';

/** The subscriptions to a wire. */
export interface WireSubscriptions {
  readonly count: number;
  /**
   * The types that the subscribers select by `ofType`, and the patterns of their routes; each once.
   */
  readonly patterns: readonly (string | RegExp)[];
}

/** One subscription. */
interface Present extends Unsubscribable {
  /** Undefined if it takes all messages. */
  readonly patterns$: SubscribedPatterns | undefined;
}
const NO_ONE: readonly Present[] = [];

/**
 * Keeps the subscriptions to a wire. It costs next to nothing while `subscriptions` is not used.
 */
export class Subscribers {
  /** An array takes less memory than a Map, and most wires have few subscribers. */
  #present: readonly Present[] = NO_ONE;
  readonly #microtask: SchedulerLike;
  /** Created when it is first used, as the next one. */
  #changes$: Subject<unknown> | undefined;
  #onBegun: (() => void) | undefined;
  #hasBegun = false;
  #isOver = false;

  constructor(microtask: SchedulerLike) {
    this.#microtask = microtask;
  }

  /** Emits the subscriptions now, and at each change. */
  subscriptions(): Observable<WireSubscriptions> {
    return defer(() => {
      const changes$: Observable<unknown> = this.#isOver ? EMPTY : (this.#changes$ ??= new Subject());
      return merge(of(0), changes$).pipe(switchMap(() => (this.#isOver ? EMPTY : this.#now())));
    });
  }

  /** Emits the present subscriptions now, and when their patterns change. */
  #now(): Observable<WireSubscriptions> {
    const patterns: SubscribedPatterns[] = this.#present.flatMap(({ patterns$ }) => patterns$ ?? []);
    const latest: (readonly (string | RegExp)[])[] = [];
    const changes = patterns.map((patterns$, index) => patterns$.pipe(map((one) => (latest[index] = one))));
    // Each emits its patterns at once.
    return merge(of(0), ...changes).pipe(
      skip(changes.length),
      map(() => ({ count: this.#present.length, patterns: [...new Set(latest.flat())] })),
    );
  }

  /**
   * Calls back once, when there has been a subscriber. It calls back a microtask later, so that
   * other subscribers of the same moment do not miss the messages that waited. A later callback
   * replaces an earlier one.
   */
  whenSubscribed(callback: () => void): void {
    if (this.#hasBegun) this.#microtask.schedule(callback);
    else this.#onBegun = callback;
  }

  add(subscription: Subscription): void {
    const one: Present = {
      patterns$: subscribeContext(),
      unsubscribe: () => this.#change(this.#present.filter((other) => other !== one)),
    };
    this.#change([...this.#present, one]);
    subscription.add(one);
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    if (this.#onBegun) this.#microtask.schedule(this.#onBegun);
    this.#onBegun = undefined;
  }

  close(): void {
    this.#isOver = true;
    this.#changes$?.next(0);
    this.#changes$?.complete();
  }

  #change(present: readonly Present[]): void {
    this.#present = present;
    this.#changes$?.next(present);
  }
}
