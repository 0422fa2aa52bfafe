import { asyncScheduler, type OperatorFunction } from 'rxjs';
import { assertNotNegative, assertPositive } from '../../internal/assert.js';
import { operate } from '../../internal/operate.js';
import type { Message } from '../../message/types.js';
import type { Handler } from './answer.js';
import { createDesk } from './desk.js';
import { describeError } from './replyMessage.js';
import type { ReplyHandler, ReplyOptions } from './replyOptions.js';
import type { ReplyWire } from './unsent.js';

/**
 * Answers requests: calls the handler of a message's type, and emits what is to be sent to who asked with {@link request}. Subscribe the wire to it.
 *
 *     source                            -a----|
 *     reply({ a: replies after 3 ms })  ----r-|
 *
 * What a handler emits are the replies, and its completion is the end of the answer. It is unsubscribed, and its `signal` aborted, when the caller does not
 * wait any more, and when the source ends. A request that comes again while it is answered is the same request. A message counts as processed when its
 * handler was called: what it is answered with is not what acks it.
 *
 * An error is told to the caller: a `ReplyError` as it is, others by their code, and of what is no error of rxwire nothing but that there was one: that
 * is in the `errors$` of the wire, as a `HandlerError`.
 *
 * @param handlers By the type of the request: whole names, no patterns. Other messages are left alone.
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws What `onError` or `describe` throws, delivered.
 * @example
 * wire.pipe(reply({ 'files.list': ({ payload }) => save(`list of ${payload}`) })).subscribe(wire);
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the keys of the map, from which the types of the handlers follow
export function reply<const T extends string>(
  handlers: { readonly [K in T]: ReplyHandler<K> },
  options: ReplyOptions = {},
): OperatorFunction<Message, Message> {
  const { concurrency = 1_000, maxWaiting = 1_000, progressInterval = 100, scheduler = asyncScheduler } = options;
  const { describe = describeError, onError, wire } = options;
  assertPositive('reply', { concurrency, progressInterval });
  assertNotNegative('reply', { maxWaiting });
  const table = new Map(Object.entries(handlers) as [string, Handler][]);

  const settings = { table, concurrency, maxWaiting, progressInterval, scheduler, describe, onError };

  return (source) =>
    operate<Message, Message>((subscriber) => {
      const desk = createDesk({ ...settings, subscriber, wire: wire ?? (source as ReplyWire) });
      subscriber.add(() => desk.close());
      return {
        next: (message) => desk.take(message),
        error: (error) => subscriber.error(error),
        complete: () => subscriber.complete(),
      };
    })(source);
}
