import {
  asyncScheduler,
  defaultIfEmpty,
  from,
  isObservable,
  type MonoTypeOperatorFunction,
  type Observable,
  type ObservableInput,
  type Observer,
  type SchedulerLike,
  Subscription,
  take,
} from 'rxjs';
import { assertPositive, checkOptions } from '../../message/development.js';
import { MiddlewareError, OverflowError, RxwireError } from '../../message/errors.js';
import { operate } from '../subscribing/operate.js';
import { createRing } from '../buffers/ring.js';
import type { Message } from '../../message/types.js';
import { reportFailure } from '../../wire/reportFailure.js';
import { claim, type Claim, emitOnce } from '../../wire/session/messageClaim.js';
import { rejectDelivery } from './rejectDelivery.js';
import { matcher, type MessageMatching } from './routeTable.js';

/** A message replaces the original, `null` stops it, undefined passes it on. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a callback that returns nothing is one
export type MiddlewareResult = Message | null | undefined | void;

/**
 * Inspects each message, synchronously or not. The first value of an Observable counts; an empty
 * one stops the message. All middlewares that a message passes share `context.metadata`.
 */
export type Middleware = (message: Message, context: MiddlewareContext) => MiddlewareResult | ObservableInput<MiddlewareResult>;

export interface UseOptions {
  /**
   * Called with each message whose middleware has failed, and with its error: a `MiddlewareError`,
   * whose `cause` is the error of the middleware; or the `RxwireError` that the middleware has
   * thrown; or an `OverflowError`. The message is dropped. An exception ends the stream, and the
   * message is not acked.
   * @default `errors$` of the wire reports the error; if no wire delivers the
   * message, the error ends the stream
   */
  readonly onError?: (error: RxwireError, message: Message) => void;
  /** Messages that wait at most; one more fails with an `OverflowError`. @default 10_000 */
  readonly maxWaiting?: number;
  /** The clock of dead letters. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

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
 * behind are done with it: `consume` and `route` may follow. Keep the `id` of a message
 * that you change.
 *
 * The middlewares that a message passes, also in other chains, share `context.metadata`.
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
 * of(createMessage('chat.said', { text: 'hello' }))
 *   .pipe(stamp)
 *   .subscribe(({ headers }) => console.log(headers)); // prints: { trace: 't1' }
 */
export function use(middleware: Middleware, options: UseOptions = {}): MonoTypeOperatorFunction<Message> {
  checkOptions('use', options);
  const { onError, maxWaiting = 10_000, scheduler = asyncScheduler } = options;
  assertPositive('use', { maxWaiting });

  return operate<Message, Message>((subscriber) => {
    const waiting = createRing<HeldMessage>();
    /** The middleware that runs. */
    const running = new Subscription();
    /** True while a middleware runs, until all waiting messages are done. */
    let isBusy = false;
    let isComplete = false;
    subscriber.add(running);

    const deliver = ({ message, held }: HeldMessage, result: MiddlewareResult): void => {
      // The next session delivers the message again.
      if (held?.delivery.session.isOver) return;
      if (result === null) held?.end();
      else {
        const passed = result ? keepMetadata(message, result) : message;
        if (held) emitOnce(held.delivery, passed, (one) => subscriber.next(one));
        else subscriber.next(passed);
      }
    };
    const fail = ({ message, held = claim(message) }: HeldMessage, error: unknown): void => {
      const end = (reason: unknown): void => {
        held?.abandon();
        subscriber.error(reason);
      };
      try {
        const failure = error instanceof RxwireError ? error : new MiddlewareError(message, error);
        reportFailure(failure, message, { session: held?.delivery.session, onError });
        if (held) rejectDelivery(held, { message, error, failure, scheduler, onFailed: end });
      } catch (thrown) {
        end(thrown);
      }
    };
    /** Returns whether the message is done. If not, the waiting messages are handled when it is. */
    const begin = (pending: HeldMessage): boolean => {
      if (pending.held?.delivery.session.isOver) return true;
      let result: ReturnType<Middleware>;
      try {
        result = middleware(pending.message, new MessageContext(pending.message));
        // `from` throws for values that it cannot convert.
        if (isAsync(result)) result = from(result);
      } catch (error) {
        fail(pending, error);
        return true;
      }
      if (isObservable(result)) return wait(result, { ...pending, held: pending.held ?? claim(pending.message) });
      deliver(pending, result);
      return true;
    };
    const wait = (work$: Observable<MiddlewareResult>, pending: HeldMessage): boolean => {
      isBusy = true;
      const next = (result: MiddlewareResult): void => deliver(pending, result);
      const error = (thrown: unknown): void => fail(pending, thrown);
      return subscribeToResult(running, work$, { next, error, complete: drain });
    };
    const drain = (): void => {
      for (let pending = waiting.shift(); pending && !running.closed; pending = waiting.shift()) if (!begin(pending)) return;
      isBusy = false;
      if (isComplete) subscriber.complete();
    };

    return {
      next(message) {
        if (!isBusy) {
          // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- `begin` changes it
          if (begin({ message, held: undefined }) && isBusy) drain();
        } else if (waiting.size < maxWaiting) waiting.push({ message, held: claim(message) });
        else fail({ message, held: undefined }, new OverflowError('use', maxWaiting));
      },
      error: (error) => subscriber.error(error),
      complete() {
        isComplete = true;
        if (!isBusy) subscriber.complete();
      },
    };
  });
}

interface HeldMessage {
  readonly message: Message;
  readonly held: Claim | undefined;
}

/** Subscribes to a result. Returns whether it has completed; otherwise calls `complete` later. */
function subscribeToResult(
  subscriptions: Subscription,
  work$: Observable<MiddlewareResult>,
  observer: Observer<MiddlewareResult>,
): boolean {
  let hasReturned = false;
  let isDone = false;
  const complete = (): void => {
    isDone = true;
    if (hasReturned) observer.complete();
  };
  const error = (thrown: unknown): void => {
    observer.error(thrown);
    complete();
  };
  subscriptions.add(work$.pipe(take(1), defaultIfEmpty(null)).subscribe({ next: observer.next, error, complete }));
  hasReturned = true;
  return isDone;
}

/** Returns whether the result is asynchronous. Only a message has a type. */
function isAsync(result: ReturnType<Middleware>): result is ObservableInput<MiddlewareResult> {
  return typeof result === 'object' && !!result && !('type' in result);
}

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
 * @throws {MiddlewareError} Delivered, if neither a wire nor an `onError` receives it.
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
  checkOptions('intercept', options);
  const matches = matcher('intercept', pattern);
  return use((message, context) => (matches(message.type) ? interceptor(message as MessageMatching<P>, context) : undefined), options);
}

/** The second argument of a middleware. */
export interface MiddlewareContext {
  /**
   * Data about the message, for the middlewares that the message passes afterwards: an object that
   * all of them share, empty at first. It stays with a replaced message, and is not sent.
   */
  readonly metadata: Record<string, unknown>;
}

const metadataByMessage = /* @__PURE__ */ new WeakMap<Message, Record<string, unknown>>();

/** Finds `metadata` when it is first used: most middlewares do not use it. */
class MessageContext implements MiddlewareContext {
  readonly #message: Message;

  constructor(message: Message) {
    this.#message = message;
  }

  get metadata(): Record<string, unknown> {
    let metadata = metadataByMessage.get(this.#message);
    if (!metadata) metadataByMessage.set(this.#message, (metadata = {}));
    return metadata;
  }
}

function keepMetadata(message: Message, replacement: Message): Message {
  const metadata = metadataByMessage.get(message);
  if (metadata) metadataByMessage.set(replacement, metadata);
  return replacement;
}
