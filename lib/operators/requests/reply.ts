import { nanoid } from 'nanoid';
import { of, type Observable, type OperatorFunction, type SchedulerLike, type Subscriber, Subscription } from 'rxjs';
import { assertNotNegative, assertPositive, checkOptions, watchReply } from '../../message/development.js';
import { HandlerError, OverflowError, RxwireError } from '../../message/errors.js';
import { createCoalescedTimer } from '../timing/coalescedTimer.js';
import { noteHandled, withSubscribeContext } from '../subscribing/deliveryContext.js';
import { firstOf } from '../subscribing/firstOf.js';
import { markInternal } from '../../wire/internalSubscriptions.js';
import { operate } from '../subscribing/operate.js';
import { steadyScheduler, wallTime } from '../../message/steadyScheduler.js';
import type { Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import { callOnError, reportFailure } from '../../wire/reportFailure.js';
import { sessionDelivering } from '../../wire/session/messageClaim.js';
import { type Handler, HandlerRun, type HandlerRunCallbacks } from './handlerRun.js';
import { describeError, replyMessage, type ReplyType } from './replyMessage.js';
import type { ReplyHandler, ReplyOptions, ReplyWire } from './requestTypes.js';

/**
 * Answers requests of {@link request}: calls the handler for the message type, and emits the
 * replies. Subscribe the wire to the result.
 *
 *     source                            -a--a-|
 *     reply({ a: replies after 3 ms })  ----r--(r|)
 *
 * Each value of a handler is a reply; its completion ends the replies. A result that is no
 * Observable, promise, iterable or stream is the only reply. A handler is unsubscribed and its
 * `signal` aborted when the caller cancels the request, and when the wire of the request ends. When
 * another source completes, the result completes as soon as all requests are answered. A duplicate
 * of a running request is ignored. A request counts as processed when its handler was called.
 * An operator in front of `reply` may change the type of a request only synchronously: otherwise,
 * the wire answers with `ERR_UNHANDLED`.
 *
 * An error is sent to the caller: a `ReplyError` as it is, an `RxwireError` with its code and text,
 * any other error only as `ERR_INTERNAL`. Other errors are reported as a `HandlerError`: in
 * `errors$` of the wire, and to `onError`. Without either, they end the stream.
 *
 * @param handlers By the type of the request: exact names, no patterns. Other messages are ignored;
 *   the wire answers a request among them with `ERR_UNHANDLED`, if each of its subscribers selects
 *   other types.
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
  checkOptions('reply', options);
  const { concurrency = 1_000, maxWaiting = 1_000, progressInterval = 100, scheduler = steadyScheduler() } = options;
  const { describe = describeError, onError, wire } = options;
  assertPositive('reply', { concurrency, progressInterval });
  assertNotNegative('reply', { maxWaiting });
  const handlersByType = new Map(Object.entries(handlers) as [string, Handler][]);

  const settings = { handlers: handlersByType, concurrency, maxWaiting, progressInterval, scheduler, describe, onError };

  // The replies are for the wire of the source, whatever the map of its types.
  const context = withSubscribeContext<M>({ patterns$: of([...handlersByType.keys()]), has: (type) => handlersByType.has(type) });

  return (source) =>
    operate<M, Message>((subscriber) => {
      const isWireSource = 'failures$' in source;
      const { carrier = source } = source as { readonly carrier?: ReplyWire };
      const responder = createResponder({ ...settings, subscriber, wire: wire ?? (carrier as ReplyWire), isWireSource });
      subscriber.add(() => responder.close());
      return {
        next: (message) => responder.receive(message),
        error: (error) => subscriber.error(error),
        complete: () => responder.complete(),
      };
    })(context(source)) as Observable<M>;
}

interface ResponderOptions extends Required<
  Pick<ReplyOptions, 'concurrency' | 'maxWaiting' | 'progressInterval' | 'scheduler' | 'describe'>
> {
  readonly onError: ReplyOptions['onError'];
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly subscriber: Subscriber<Message>;
  readonly wire: ReplyWire;
  /** Whether the source of the requests is a wire: all of them end with it. */
  readonly isWireSource: boolean;
}

/** Runs the handlers of requests with limited concurrency; the other requests wait. */
function createResponder(options: ResponderOptions) {
  const { handlers, concurrency, maxWaiting, subscriber, isWireSource } = options;
  const running = new Map<string, HandlerRun>();
  const waiting = new Map<string, HandlerRun>();
  const firstWaiting = firstOf(waiting);
  let isAdvancing = false;
  let isEnding = false;

  const finish = (): void => {
    if (isEnding && running.size + waiting.size === 0) subscriber.complete();
  };
  const start = (run: HandlerRun): void => {
    running.set(run.key, run);
    run.start();
  };
  /** Starts waiting requests: a loop, because synchronous handlers call it again. */
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
  const sender = createReplySender(options, (run, error, type) => {
    cancel(run.key);
    // An error to the caller would take the place of another reply, or be dropped itself.
    if (!isFailure(error, 'ERR_OVERFLOW', 'overflow')) sender[type === 'reply.error' ? 'replaceError' : 'fail'](run, error);
    finish();
  });
  const onEnd = ({ key }: HandlerRun): void => {
    running.delete(key);
    advance();
    finish();
  };
  const callbacks = { ...sender, onEnd };
  const begin = (message: Message, handler: Handler): void => {
    const { id } = message;
    // A duplicate is answered by the run that exists.
    if (running.has(id) || waiting.has(id)) return;
    const run = new HandlerRun(message, handler, sessionDelivering(message), callbacks);
    if (waiting.size === 0 && running.size < concurrency) start(run);
    else if (waiting.size < maxWaiting) waiting.set(id, run);
    else sender.fail(run, new OverflowError('reply', maxWaiting));
  };
  return {
    receive(message: Message): void {
      const { type, correlationId = '' } = message;
      const handler = handlers.get(type);
      if (handler) {
        noteHandled();
        begin(message, handler);
      } else if (type === 'request.cancel') cancel(correlationId);
    },
    /** Completes when all requests are answered; the handlers of wires that have ended stop. */
    complete(): void {
      isEnding = true;
      const open = [...waiting.values(), ...running.values()];
      const ended = open.filter(({ session }) => isWireSource || session?.isOver === true);
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

type OnUndeliverable = (run: HandlerRun, error: Error, type: ReplyType) => void;

/** Creates the sender of all replies. @param onUndeliverable Called when one was not sent. */
function createReplySender(options: ResponderOptions, onUndeliverable: OnUndeliverable) {
  const { progressInterval, scheduler, describe, onError, subscriber, wire } = options;
  const undeliverable = wire.failures$ && trackUndeliverable(wire, onUndeliverable);
  const failures = wire.failures$?.subscribe(undeliverable?.onFailure);
  subscriber.add(failures && markInternal(failures));

  const unknownSession = wire.report && { reportError: (error: RxwireError): void => wire.report?.(error) };
  // An id of its own for each reply would take as many bytes as the rest of it.
  const prefix = nanoid(12);
  let count = 0;
  const emit = (run: HandlerRun, type: ReplyType, payload: unknown, number?: number, isTracked = true): void => {
    const reply = replyMessage(prefix + (count++).toString(36), run.message, type, payload, wallTime(scheduler), number);
    if (count === 1) watchReply(reply);
    if (isTracked) undeliverable?.add(reply, run);
    subscriber.next(reply);
  };
  const reports = createProgressReports(progressInterval, scheduler, (run, progress) => emit(run, 'reply.progress', progress));

  const send: HandlerRunCallbacks['send'] = (run, type, payload, number) => {
    reports.flush(run);
    emit(run, type, payload, number);
  };
  return {
    send,
    progress: (run: HandlerRun, progress: unknown): void => reports.add(run, progress),
    discardProgress: reports.forget,
    close: (): void => reports.clear(),
    /** Sends the reason why the error of a request cannot be sent: once. */
    replaceError: (run: HandlerRun, error: unknown): void => emit(run, 'reply.error', describeError(error), undefined, false),
    fail(run: HandlerRun, error: unknown): void {
      const { message, session = unknownSession } = run;
      try {
        send(run, 'reply.error', describe(error));
        // The caller receives the whole `RxwireError`; any other error is reported here.
        if (error instanceof RxwireError) callOnError(error, message, { session, onError });
        else reportFailure(new HandlerError(message, 1, error), message, { session, onError });
      } catch (thrown) {
        subscriber.error(thrown);
      }
    },
  };
}

/** Sends progress of all requests: the first at once, then the latest of each per interval. */
function createProgressReports(interval: number, scheduler: SchedulerLike, send: (run: HandlerRun, progress: unknown) => void) {
  const latest = new Map<HandlerRun, unknown>();
  let isQuiet = true;
  const timer = createCoalescedTimer(scheduler, () => {
    isQuiet = latest.size === 0;
    if (!isQuiet) timer.set(interval);
    for (const run of [...latest.keys()]) reports.flush(run);
  });

  const reports = {
    add(run: HandlerRun, progress: unknown): void {
      latest.set(run, progress);
      if (!isQuiet) return;
      isQuiet = false;
      timer.set(interval);
      reports.flush(run);
    },
    /** Sends the pending report of a request before another reply. */
    flush(run: HandlerRun): void {
      if (!latest.has(run)) return;
      const progress = latest.get(run);
      latest.delete(run);
      send(run, progress);
    },
    forget: (run: HandlerRun): void => void latest.delete(run),
    clear(): void {
      latest.clear();
      timer.clear();
    },
  };
  return reports;
}

/** The number of replies that are remembered before those that have arrived are removed. */
const MIN_SIZE = 64;

/** Keeps the replies that may still fail. */
function trackUndeliverable(wire: ReplyWire, onFailed: OnUndeliverable) {
  // An array, as a failure is rare, and a Map would take as long for each reply as its encoding.
  let replies: ({ readonly id: string; readonly type: string; readonly run: HandlerRun } | undefined)[] = [];
  /** The index behind the latest failed reply: a full queue drops replies in their order. */
  let next = 0;
  let maxSize = MIN_SIZE;
  return {
    add({ id, type }: Message, run: HandlerRun): void {
      if (replies.length >= maxSize) {
        // No receipt says that a reply has arrived: receipts would make all acks urgent.
        replies = wire.isPending ? replies.filter((sent) => sent && wire.isPending?.(sent.id)) : replies.slice(-MIN_SIZE / 2);
        next = 0;
        maxSize = Math.max(MIN_SIZE, 2 * replies.length);
      }
      replies.push({ id, type, run });
    },
    onFailure: ({ id, error }: Receipt): void => {
      const index = replies[next]?.id === id ? next : replies.findIndex((reply) => reply?.id === id);
      const failed = replies[index];
      if (!failed) return;
      replies[index] = undefined;
      next = index + 1;
      // Over a wire that has ended, no error can be sent either.
      if (error && !isFailure(error, 'ERR_WIRE_CLOSED', 'closed')) onFailed(failed.run, error, failed.type as ReplyType);
    },
  };
}

/** Returns whether an error has this code, or is about a message that was dropped for a reason. */
function isFailure(error: Error, errorCode: string, dropReason: string): boolean {
  const { code, reason } = error as { readonly code?: string; readonly reason?: string };
  return code === errorCode || (code === 'ERR_DROPPED' && reason === dropReason);
}
