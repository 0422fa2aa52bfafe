import type { MonoTypeOperatorFunction } from 'rxjs';
import type { Message } from '../../message/types.js';
import { createRouting } from './routeMessages.js';
import type { DeadRoute, RouterOptions } from './routeOptions.js';
import type { RouteHandler } from './routeTypes.js';

export interface RouteOptions extends RouterOptions {
  /** More routes, by regular expressions: slower, as each is tried on each type that was not seen lately. */
  readonly patterns?: readonly (readonly [RegExp, RouteHandler<RegExp>])[];
  /** Told of messages that no pattern matches. A throw ends the stream. @default `errors$` of the wire tells of them */
  readonly onUnhandled?: (message: Message) => void;
  /** Told of handlers that have failed for good. A throw ends the stream. */
  readonly onDead?: (dead: DeadRoute) => void;
}

/**
 * Gives each message to the handlers whose patterns match its type. They run concurrently; a message counts as processed, and is acked, when
 * all of them are done. One that fails is tried again, and ends in a dead letter, never the stream.
 *
 *     source                           -a-b--c--|
 *     route({ a: takes 3 ms, b: … })   ---b(a)--|      (c is unhandled)
 *
 * Emits each message when its handlers are through with it. In a pattern, `*` stands for one segment between dots, and `**`, at its end, for all
 * that follow, one at least; the payload's type follows. Handlers start in the order of the map, those of `patterns` last.
 *
 * Nothing may delay messages of a session before they are here, unless it is `use`. Retries, dead letters and acks are those of `consume`.
 *
 * @param routes Handlers, by pattern.
 * @throws {RangeError} At call time, if a pattern is none, or a number out of range.
 * @throws What `deadLetter`, `onUnhandled` or `onDead` throws, delivered.
 * @example
 * wire.pipe(route({ 'execution.output': ({ payload }) => draw(payload.data), 'file.*': ({ payload }) => save(payload.path) })).subscribe();
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the keys of the map, from which the types of the handlers follow
export function route<const P extends string>(
  routes: { readonly [K in P]: RouteHandler<K> },
  options: RouteOptions = {},
): MonoTypeOperatorFunction<Message> {
  const { patterns = [], onUnhandled, onDead, ...rest } = options;
  const router = createRouting(rest, { onUnhandled, onDead });
  for (const pattern of Object.keys(routes) as P[]) router.add(pattern, routes[pattern]);
  for (const [pattern, handler] of patterns) router.add(pattern, handler);
  return router.route;
}
