import { asyncScheduler, type MonoTypeOperatorFunction } from 'rxjs';
import { MiddlewareError, RxwireError } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import { operate } from '../../internal/operate.js';
import type { Message } from '../../message/types.js';
import { claim } from '../../session/receive/delivery.js';
import { reportFailure } from '../../session/consume/reportFailure.js';
import { rejectDelivery, forwardDelivery } from './forwardDelivery.js';
import { keepMetadata } from './middlewareContext.js';
import { runInOrder } from './runInOrder.js';
import type { Middleware, UseOptions } from './useOptions.js';

/**
 * Calls a middleware for each message, which may inspect, replace or stop it. It works in both
 * directions: `wire.pipe(use(check))`, and `outgoing$.pipe(use(stamp)).subscribe(wire)`.
 *
 *     source                       -ab--c--|
 *     use(a takes 3 ms, no c)      ----(ab)|
 *
 * Order is kept: while an asynchronous middleware runs, later messages wait, and it is not called
 * for them. A synchronous middleware costs only its call.
 *
 * A failed message of a wire becomes a dead letter, the error is emitted in `errors$` of the wire,
 * and the stream continues. If no wire delivers the message, as in the second direction, the error
 * ends the stream unless there is an `onError`. A delayed message is acked when the operators
 * behind are done with it: `consume` and `route` may follow. Keep the `id` of a message that you
 * change.
 *
 * The middlewares that a message passes share `context.metadata`: data that one of them finds out,
 * and a later one needs.
 *
 * @param middleware Returns nothing, `null` or a message, or an ObservableInput of that.
 * @throws {RangeError} At call time, if `maxWaiting` is out of range.
 * @throws {MiddlewareError} Delivered, when a middleware has failed, no wire delivers the message,
 *   and there is no `onError`. Any other `RxwireError`, when the middleware has thrown it, and an
 *   `OverflowError`, when too many messages wait.
 * @throws The error of `onError`, delivered.
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, use } from 'rxwire';
 *
 * const stamp = use((message) => ({ ...message, headers: { ...message.headers, trace: 't1' } }));
 * of(createMessage('chat.said', 'hello'))
 *   .pipe(stamp)
 *   .subscribe(({ headers }) => console.log(headers)); // prints: { trace: 't1' }
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, use } from 'rxwire';
 *
 * of(createMessage('chat.said', 'hello'), createMessage('chat.said', 'spam'))
 *   .pipe(use(({ payload }) => (payload === 'spam' ? null : undefined)))
 *   .subscribe(({ payload }) => console.log(payload)); // prints: hello
 * @example
 * import { of } from 'rxjs';
 * import { createMessage, use } from 'rxwire';
 *
 * of(createMessage('chat.said', 'hello'))
 *   .pipe(
 *     use(({ type }, { metadata }) => void (metadata['area'] = type.split('.')[0])),
 *     use((_, { metadata }) => console.log(metadata['area'])), // prints: chat
 *   )
 *   .subscribe();
 */
export function use(middleware: Middleware, options: UseOptions = {}): MonoTypeOperatorFunction<Message> {
  const { onError, maxWaiting = 10_000, scheduler = asyncScheduler } = options;
  assertPositive('use', { maxWaiting });

  return operate<Message, Message>((subscriber) => {
    const { subscriptions, next, complete } = runInOrder({
      middleware,
      maxWaiting,
      deliver({ message, held }, result) {
        // The next session delivers the message again.
        if (held?.delivery.session.isOver()) return;
        if (result === null) held?.end();
        else {
          const passed = result ? keepMetadata(message, result) : message;
          if (held) forwardDelivery(held, passed, (one) => subscriber.next(one));
          else subscriber.next(passed);
        }
      },
      fail({ message, held }, error) {
        const claimed = held ?? claim(message);
        const end = (reason: unknown): void => {
          claimed?.abandon();
          subscriber.error(reason);
        };
        try {
          const failure = error instanceof RxwireError ? error : new MiddlewareError(message, error);
          reportFailure(failure, message, { complain: claimed?.delivery.session.complain, onError, isReceived: false });
          if (claimed) rejectDelivery(claimed, { message, error, failure, scheduler, onFailed: end });
        } catch (thrown) {
          end(thrown);
        }
      },
      onEnd: () => subscriber.complete(),
    });
    subscriber.add(subscriptions);
    return { next, complete, error: (error) => subscriber.error(error) };
  });
}
