import type { MonoTypeOperatorFunction } from 'rxjs';
import type { Message } from '../../message/types.js';
import { createRouting, type RouterOptions } from './router.js';
import type { RouteHandler } from './routeTypes.js';

export interface RouteOptions extends RouterOptions {
  /**
   * More routes, by regular expressions. They are slower: each is tested for each type that is not
   * cached.
   */
  readonly patterns?: readonly (readonly [RegExp, RouteHandler<RegExp>])[];
  /**
   * Called with messages that no pattern matches. An exception ends the stream.
   * @default reports in `errors$` of the wire
   */
  readonly onUnhandled?: (message: Message) => void;
}

/**
 * Calls the handlers whose patterns match the type of a message. Handlers run concurrently. A
 * message is processed, and acked, when all of its handlers are done. A failed handler is retried;
 * then its message becomes a dead letter, and the stream continues.
 *
 *     source                           -a-b--c--|
 *     route({ a: takes 3 ms, b: … })   ---b(a)--|      (c is unhandled)
 *
 * Emits each message when its handlers are done. In a pattern, `*` matches one segment between
 * dots; at the end, `*` or `**` matches all that follows, dots included. The pattern determines the
 * type of the payload. Handlers start in the order of the map, then those of `patterns`.
 *
 * With `by: 'routingKey'`, patterns are matched against `metadata.routingKey`, and payloads are
 * `unknown`.
 *
 * Only the operator `use` may delay the messages of a session before this one. Retries, dead
 * letters and acks are those of `consume`.
 *
 * @param routes Handlers, by pattern.
 * @throws {RangeError} At call time, if a pattern is invalid or a number is out of range.
 * @throws {HandlerError} Delivered, when a handler has finally failed, no wire delivers the
 *   message, and there is neither `onError` nor `deadLetter`. An `OverflowError`, when too many
 *   handlers run.
 * @throws The error of `onError`, `deadLetter` or `onUnhandled`, delivered.
 * @example
 * import { connect, route, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * wire
 *   .pipe(
 *     route({
 *       'execution.output': ({ payload }) => console.log(payload.data),
 *       'file.*': ({ payload }) => console.log(payload.path),
 *     }),
 *   )
 *   .subscribe();
 */
export function route(
  routes: Readonly<Record<string, RouteHandler<string>>>,
  options: RouteOptions & { readonly by: 'routingKey' },
): MonoTypeOperatorFunction<Message>;
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the keys of the map, from which the types of the handlers follow
export function route<const P extends string>(
  routes: { readonly [K in P]: RouteHandler<K> },
  options?: RouteOptions,
): MonoTypeOperatorFunction<Message>;
export function route(
  routes: Readonly<Record<string, RouteHandler<string>>>,
  options: RouteOptions = {},
): MonoTypeOperatorFunction<Message> {
  const { patterns = [], onUnhandled, ...rest } = options;
  const router = createRouting(rest, onUnhandled);
  for (const [pattern, handler] of Object.entries(routes)) router.add(pattern, handler);
  for (const [pattern, handler] of patterns) router.add(pattern, handler);
  return router.route;
}
