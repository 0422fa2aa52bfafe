import { Subject, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import type { Message } from '../../message/types.js';
import { noteUnhandled } from '../../session/receive/delivery.js';
import { createRouting } from './routeMessages.js';
import type { DeadRoute, RouterOptions } from './routeOptions.js';
import type { RouteHandler } from './routeTypes.js';

/** Routes that come and go. */
export interface Router {
  /**
   * Adds a handler, from the next message on; several may have the same pattern.
   *
   * @param pattern A type; or one in which `*` stands for one segment, and `**`, at its end, for all that follow, one at least; or a RegExp.
   * @returns Takes it out again. What it is at work on goes on.
   * @throws {RangeError} If the pattern is none.
   */
  readonly add: <const P extends string | RegExp>(pattern: P, handler: RouteHandler<P>) => () => void;
  /** Runs the handlers. Emits each message when all of its handlers are through with it. */
  readonly route: MonoTypeOperatorFunction<Message>;
  /** Messages without a handler, as they come: who is not subscribed misses them. They count as processed. Without a subscriber, `errors$` of the wire tells of them. */
  readonly unhandled$: Observable<Message>;
  /** Handlers that have failed for good, as that happens. */
  readonly dead$: Observable<DeadRoute>;
}

/**
 * Makes a router, to which routes can be added, and from which they can be removed, while it runs. Where all are known beforehand,
 * `route` is shorter, and says the rest.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * const router = createRouter();
 * const remove = router.add('chat.*', ({ type, payload }) => console.log(type, payload)); // prints: chat.said hello
 * router.unhandled$.subscribe(({ type }) => console.log(type, 'is unhandled')); // prints: chat.said is unhandled
 *
 * const said = createMessage('chat.said', 'hello');
 * of(said).pipe(router.route).subscribe();
 * remove();
 * of(said).pipe(router.route).subscribe();
 */
export function createRouter(options: RouterOptions = {}): Router {
  const unhandled$ = new Subject<Message>();
  const dead$ = new Subject<DeadRoute>();
  const routing = createRouting(options, {
    onUnhandled: (message) => (unhandled$.observed ? unhandled$.next(message) : noteUnhandled(message)),
    onDead: (dead) => dead$.next(dead),
  });
  return { ...routing, unhandled$: unhandled$.asObservable(), dead$: dead$.asObservable() };
}
