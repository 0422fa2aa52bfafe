import { Subscription, type Observable, type OperatorFunction } from 'rxjs';
import { OverflowError } from '../../errors.js';
import { assertNotNegative, assertPositive } from '../../internal/assert.js';
import { firstOf } from '../../internal/firstOf.js';
import { operate } from '../../internal/operate.js';
import { steadyScheduler } from '../../internal/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import { termsOfDelivery } from '../../session/receive/delivery.js';
import { HandlerRun, type Handler } from './handlerRun.js';
import { describeError } from './replyMessage.js';
import type { ReplyHandler, ReplyOptions, ReplyWire } from './requestTypes.js';
import { createReplySender, isQueueFull, type ReplySenderOptions } from './replySender.js';

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

interface ResponderOptions extends ReplySenderOptions {
  /** Whether the source of the requests is a wire: all of them end with it. */
  readonly isWireSource: boolean;
  /** By the type of the request. */
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly concurrency: number;
  readonly maxWaiting: number;
}

/** Runs the handlers of requests with limited concurrency; the other requests wait. */
function createResponder(options: ResponderOptions) {
  const { handlers, concurrency, maxWaiting, subscriber, wire, isWireSource } = options;
  /** By the id of the request. */
  const running = new Map<string, HandlerRun>();
  const waiting = new Map<string, HandlerRun>();
  const firstWaiting = firstOf(waiting);
  const needsTerms = !wire.report || !isWireSource;
  let isAdvancing = false;
  let isEnding = false;

  const finish = (): void => {
    if (isEnding && running.size + waiting.size === 0) subscriber.complete();
  };
  const start = (run: HandlerRun): void => {
    running.set(run.key, run);
    run.start();
  };
  /**
   * Starts waiting requests while there is capacity. A loop, because synchronous handlers call
   * `advance` again.
   */
  const advance = (): void => {
    if (isAdvancing || waiting.size === 0) return;
    isAdvancing = true;
    for (let next = firstWaiting(); next && running.size < concurrency; next = firstWaiting()) {
      waiting.delete(next.key);
      start(next);
    }
    isAdvancing = false;
  };
  const cancel = (id: string): void => {
    waiting.delete(id);
    const run = running.get(id);
    if (!run) return;
    running.delete(id);
    try {
      run.cancel();
    } finally {
      advance();
    }
  };
  const sender = createReplySender(options, (run, error) => {
    cancel(run.key);
    if (!isQueueFull(error)) sender.fail(run, error);
    finish();
  });
  const onEnd = ({ key }: HandlerRun): void => {
    running.delete(key);
    advance();
    finish();
  };
  const callbacks = { ...sender, onEnd };
  const admit = (message: Message, handler: Handler): void => {
    const { id } = message;
    // A duplicate is answered by the run that exists.
    if (running.has(id) || waiting.has(id)) return;
    const run = new HandlerRun(message, handler, needsTerms ? termsOfDelivery(message) : undefined, callbacks);
    if (waiting.size === 0 && running.size < concurrency) start(run);
    else if (waiting.size < maxWaiting) waiting.set(id, run);
    else sender.fail(run, new OverflowError('reply', maxWaiting));
  };
  return {
    receive(message: Message): void {
      const { type, correlationId = '' } = message;
      const handler = handlers.get(type);
      if (handler) admit(message, handler);
      else if (type === 'request.cancel') cancel(correlationId);
    },
    /**
     * Completes the replies when all requests are answered, except those of wires that have ended:
     * their handlers stop.
     */
    complete(): void {
      isEnding = true;
      const open = [...waiting.values(), ...running.values()];
      const ended = open.filter(({ terms }) => isWireSource || terms?.isOver() === true);
      // The teardown of the subscriber stops all.
      if (ended.length === open.length) subscriber.complete();
      else for (const { key } of ended) cancel(key);
    },
    /** Stops all handlers without a reply. */
    close(): void {
      waiting.clear();
      sender.close();
      // A Subscription runs all of its teardowns, also when one throws.
      const runs = new Subscription();
      for (const run of running.values()) runs.add(() => run.cancel());
      running.clear();
      runs.unsubscribe();
    },
  };
}
