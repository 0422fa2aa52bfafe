import { asyncScheduler, type MonoTypeOperatorFunction } from 'rxjs';
import { MiddlewareError, RxwireError } from '../../errors.js';
import { assertPositive } from '../../internal/assert.js';
import { operate } from '../../internal/operate.js';
import type { Message } from '../../message/types.js';
import { claim } from '../../session/receive/delivery.js';
import { bury, handOver } from './useClaims.js';
import { inOrder } from './useInOrder.js';
import type { Middleware, UseOptions } from './useOptions.js';

/**
 * Lets a middleware see each message on its way: to look at it, change it or stop it. It works in both directions: `wire.pipe(use(check))`,
 * and `outgoing$.pipe(use(stamp)).subscribe(wire)`.
 *
 *     source                       -ab--c--|
 *     use(a takes 3 ms, no c)      ----(ab)|
 *
 * Order is kept: while one that takes time is at work, those that come after it wait, and it is not called for them. One that is done at once
 * costs no more than its call.
 *
 * A message that fails is reported and goes no further; the stream goes on. Where a session has handed it over, it is a dead letter, and an
 * `RxwireError` comes in the `errors$` of its wire. What is
 * kept for a while is acked when what follows is through with it: `consume` and `route` may come after. Keep the `id` of a message that you change.
 *
 * @param middleware Returns nothing, `null` or a message, or an ObservableInput of that.
 * @throws {RangeError} At call time, if `maxWaiting` is out of range.
 * @throws What `onError` throws, delivered.
 * @example
 * const stamp = use((message) => ({ ...message, headers: { ...message.headers, trace: 't1' } }));
 * outgoing$.pipe(stamp).subscribe(wire);
 * @example
 * of(createMessage('chat.said', 'hello'), createMessage('chat.said', 'spam'))
 *   .pipe(use(({ payload }) => (payload === 'spam' ? null : undefined)))
 *   .subscribe(({ payload }) => console.log(payload)); // prints: hello
 */
export function use(middleware: Middleware, options: UseOptions = {}): MonoTypeOperatorFunction<Message> {
  const { onError, maxWaiting = 10_000, scheduler = asyncScheduler } = options;
  assertPositive('use', { maxWaiting });

  return operate<Message, Message>((subscriber) => {
    const { works, next, complete } = inOrder({
      middleware,
      maxWaiting,
      deliver({ message, held }, result) {
        // It comes again, in the next session.
        if (held?.isOver()) return;
        if (result === null) held?.({});
        else if (held) handOver(held, result ?? message, (one) => subscriber.next(one));
        else subscriber.next(result ?? message);
      },
      fail({ message, held }, error) {
        try {
          const claimed = held ?? claim(message);
          claimed?.complain?.(error instanceof RxwireError ? error : new MiddlewareError(message, error));
          bury(claimed, { message, error, scheduler });
          onError?.({ message, error });
        } catch (thrown) {
          subscriber.error(thrown);
        }
      },
      onEnd: () => subscriber.complete(),
    });
    subscriber.add(works);
    return { next, complete, error: (error) => subscriber.error(error) };
  });
}
