import type { MonoTypeOperatorFunction, ObservableInput } from 'rxjs';
import type { Message } from '../../message/types.js';
import type { MiddlewareContext } from './middlewareContext.js';
import { matcher } from './routeTable.js';
import type { MessageMatching } from './routeTypes.js';
import { use, type MiddlewareResult, type UseOptions } from './use.js';

/** A middleware for the messages that match a pattern. */
export type Interceptor<P extends string | RegExp> = (
  message: MessageMatching<P>,
  context: MiddlewareContext,
) => MiddlewareResult | ObservableInput<MiddlewareResult>;

/**
 * `use` for messages of some types. Other messages are passed on unchanged, in order.
 *
 *     source                                   -ab-b-|
 *     intercept('a', a takes 3 ms)             ----(ab)b-|
 *
 * @param pattern As for `route`: a type, or a pattern like `file.*`, or a RegExp.
 * @throws {RangeError} At call time, if the pattern is invalid or a number is out of range.
 * @throws {MiddlewareError} Delivered, as by `use`, when no wire delivers the message and there is
 *   no `onError`.
 * @throws The error of `onError`, delivered.
 * @example
 * import { connect, intercept, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const quiet = intercept('file.*', ({ payload }) =>
 *   payload.path.startsWith('/tmp/') ? null : undefined,
 * );
 * wire.pipe(quiet).subscribe(({ type }) => console.log(type));
 */
export function intercept<const P extends string | RegExp>(
  pattern: P,
  interceptor: Interceptor<P>,
  options: UseOptions = {},
): MonoTypeOperatorFunction<Message> {
  const matches = matcher('intercept', pattern);
  return use((message, context) => (matches(message.type) ? interceptor(message as MessageMatching<P>, context) : undefined), options);
}
