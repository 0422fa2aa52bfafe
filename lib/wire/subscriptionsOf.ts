import { defer, EMPTY, map, merge, of, skip, Subject, switchMap, type Observable, type Subscription } from 'rxjs';
import { markInternal } from './internalSubscriptions.js';
import type { Subscribers } from './subscribers.js';
import type { Wire } from './wire.js';

/** The subscriptions to a wire. */
export interface WireSubscriptions {
  readonly count: number;
  /** The types that the subscribers select by `ofType`, and the patterns of their routes. */
  readonly patterns: readonly (string | RegExp)[];
}

interface Watch {
  /** Emits when a subscription has begun or ended. */
  readonly changes$: Subject<void>;
  /** Whether the wire has ended. */
  isOver: boolean;
}

const watches = /* @__PURE__ */ new WeakMap<Wire, Watch>();

/**
 * Emits the subscriptions to a wire, and the types that they select: now, and at each change.
 * Completes with the wire.
 *
 * @example
 * import { connect, ofType, subscriptionsOf, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * wire.pipe(ofType('chat.said')).subscribe();
 * subscriptionsOf(wire).subscribe(({ count, patterns }) => console.log(count, patterns)); // prints: 1 [ 'chat.said' ]
 */
export function subscriptionsOf(wire: Wire): Observable<WireSubscriptions> {
  const subscriptions$ = defer(() => {
    const watching = watches.get(wire) ?? watch(wire);
    return merge(of(0), watching.changes$).pipe(switchMap(() => (watching.isOver ? EMPTY : present(wire.subscribers))));
  });
  return wire.shown(subscriptions$);
}

function watch(wire: Wire): Watch {
  const changes$ = new Subject<void>();
  const watching: Watch = { changes$, isOver: false };
  const changed = (): void => changes$.next();
  const complete = (): void => {
    watching.isOver = true;
    changed();
    changes$.complete();
  };
  watches.set(wire, watching);
  // RxJS keeps a Subscriber for each subscription.
  for (const observer of wire.subscribers.wire.observers as readonly unknown[] as readonly Subscription[]) observer.add(changed);
  wire.subscribers.onAdded = (subscription) => {
    changed();
    subscription.add(changed);
  };
  markInternal(wire.errors$.subscribe({ complete }));
  return watching;
}

/** Emits the present subscriptions now, and when their patterns change. */
function present(subscribers: Subscribers): Observable<WireSubscriptions> {
  const latest: (readonly (string | RegExp)[])[] = [];
  const changes = [...(subscribers.types?.values() ?? [])].map(({ patterns$ }, index) =>
    patterns$.pipe(map((one) => (latest[index] = one))),
  );
  // Each emits its patterns at once.
  return merge(of(0), ...changes).pipe(
    skip(changes.length),
    map(() => ({ count: subscribers.wire.observers.length, patterns: [...new Set(latest.flat())] })),
  );
}
