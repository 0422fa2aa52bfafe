import type { Observable, OperatorFunction } from 'rxjs';
import { assertNotNegative, assertPositive } from '../../internal/assert.js';
import { operate } from '../../internal/operate.js';
import { steadyScheduler } from '../../internal/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import type { Handler } from './handlerRun.js';
import { createResponder } from './responder.js';
import { describeError } from './replyMessage.js';
import type { ReplyHandler, ReplyOptions, ReplyWire } from './replyOptions.js';

/**
 * Answers requests of {@link request}: calls the handler for the message type, and emits the
 * replies. Subscribe the wire to the result.
 *
 *     source                            -a--a-|
 *     reply({ a: replies after 3 ms })  ----r--(r|)
 *
 * Each value of a handler is a reply; its completion ends the replies. A handler is unsubscribed
 * and its `signal` aborted when the caller cancels the request, and when the wire of the request
 * ends. When another source completes, the result completes as soon as all requests are answered. A
 * duplicate of a running request is ignored. A request counts as processed when its handler was
 * called: the reply does not ack it.
 *
 * An error is sent to the caller: a `ReplyError` as it is, an `RxwireError` with its code and text,
 * any other error only as `ERR_INTERNAL`. Other errors are reported as a `HandlerError`: in
 * `errors$` of the wire, and to `onError`. Without either, they end the stream.
 *
 * @param handlers By the type of the request: exact names, no patterns. Other messages are ignored.
 * @throws {RangeError} At call time, if a number is out of range.
 * @throws {HandlerError} Delivered, when a handler has failed with an error that the caller does
 *   not receive, and there is neither a wire nor an `onError`.
 * @throws The error of `onError` or `describe`, delivered.
 * @example
 * import { connect, reply, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * wire.pipe(reply({ 'files.list': ({ payload }) => `the files of ${payload}` })).subscribe(wire);
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the keys of the map, from which the types of the handlers follow
export function reply<const T extends string, M extends Message = Message>(
  handlers: { readonly [K in T]: ReplyHandler<K> },
  options: ReplyOptions = {},
): OperatorFunction<M, M> {
  const { concurrency = 1_000, maxWaiting = 1_000, progressInterval = 100, scheduler = steadyScheduler() } = options;
  const { describe = describeError, onError, wire } = options;
  assertPositive('reply', { concurrency, progressInterval });
  assertNotNegative('reply', { maxWaiting });
  const handlersByType = new Map(Object.entries(handlers) as [string, Handler][]);

  const settings = { handlers: handlersByType, concurrency, maxWaiting, progressInterval, scheduler, describe, onError };

  // The replies are for the wire of the source, whatever the map of its types.
  return (source) =>
    operate<M, Message>((subscriber) => {
      const isWireSource = 'failures$' in source;
      const responder = createResponder({ ...settings, subscriber, wire: wire ?? (source as ReplyWire), isWireSource });
      subscriber.add(() => responder.close());
      return {
        next: (message) => responder.receive(message),
        error: (error) => subscriber.error(error),
        complete: () => responder.complete(),
      };
    })(source) as Observable<M>;
}
