import { Subject, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import type { Message } from '../../message/types.js';
import { noteUnhandled } from '../../session/receive/delivery.js';
import { createRouting } from './routing.js';
import type { DeadRoute, RouteBy, RouterOptions } from './routeOptions.js';
import type { RouteHandler } from './routeTypes.js';

/**
 * A set of routes that can change while it runs. With routing keys, patterns do not determine the
 * type of a payload.
 */
export interface Router<By extends RouteBy = 'type'> {
  /**
   * Adds a handler for the following messages. Several handlers may have the same pattern.
   *
   * @param pattern A type; or a pattern in which `*` matches one segment, and at the end all that
   *   follows; or a RegExp.
   * @returns A function that removes the handler. Its running work continues.
   * @throws {RangeError} If the pattern is invalid.
   */
  readonly add: <const P extends string | RegExp>(pattern: P, handler: RouteHandler<By extends 'type' ? P : string>) => () => void;
  /** Runs the handlers. Emits each message when all of its handlers are done. */
  readonly route: MonoTypeOperatorFunction<Message>;
  /**
   * Emits messages without a handler; they count as processed. Without a subscriber, they are
   * reported in `errors$` of the wire.
   */
  readonly unhandled$: Observable<Message>;
  /**
   * Emits handlers that have finally failed. While it has a subscriber, these failures do not end a
   * stream that no wire delivers.
   */
  readonly dead$: Observable<DeadRoute>;
}

/**
 * Creates a router whose routes can be added and removed while it runs. If all routes are known
 * beforehand, `route` is shorter; see there for details.
 *
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, createRouter } from 'rxwire';
 *
 * const router = createRouter();
 * const remove = router.add('chat.*', ({ type, payload }) => console.log(type, payload)); // prints: chat.said hello
 * router.unhandled$.subscribe(({ type }) => console.log(type, 'is unhandled')); // prints: chat.said is unhandled
 *
 * const said = createMessage('chat.said', 'hello');
 * of(said).pipe(router.route).subscribe();
 * remove();
 * of(said).pipe(router.route).subscribe();
 */
export function createRouter<By extends RouteBy = 'type'>(options: RouterOptions & { readonly by?: By } = {}): Router<By> {
  const unhandled$ = new Subject<Message>();
  const dead$ = new Subject<DeadRoute>();
  const routing = createRouting(options, {
    onUnhandled: (message) => (unhandled$.observed ? unhandled$.next(message) : noteUnhandled(message)),
    onDead: (dead) => dead$.next(dead),
    isWatched: () => dead$.observed,
  });
  return { ...(routing as unknown as Router<By>), unhandled$: unhandled$.asObservable(), dead$: dead$.asObservable() };
}
