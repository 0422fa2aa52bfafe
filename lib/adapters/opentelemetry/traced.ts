import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { from, isObservable, Observable, tap, type ObservableInput, type Subscriber, type Subscription } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import { isPromise, isStream } from '../../message/maybeAsync.js';
import type { Message } from '../../message/types.js';
import { isReplayed } from '../../wire/createDeadLetter.js';
import { startSpan, type MessageSpan, type TracingOptions, carriedContext, emitWithin, runWithin, spanContextOf } from './messageSpan.js';

export interface TracedOptions extends TracingOptions {
  /**
   * Whether the senders are strangers, as the browsers of a public site: each message then starts a
   * trace of its own, with a link to that of the sender, whose baggage is ignored.
   * @default false: the spans belong to the trace of the sender
   */
  readonly publicEndpoint?: boolean;
}

/**
 * Wraps a handler of `consume`, `route`, a queue, `reply` or `replayDeadLetters`: each call is a
 * span, and runs with the context that the headers of the message carry. Spans that the handler
 * starts are its children, also in asynchronous code if the application has registered an
 * asynchronous context manager.
 *
 * The span is `process <type>`, of the kind CONSUMER; for a handler of `reply`, it is
 * `reply <type>`, of the kind SERVER. It ends when the result of the handler completes. An error of
 * the handler is the status of the span. Each retry is a span, with its number in `rxwire.attempt`.
 * A message of a replayed dead letter has `rxwire.replay`, and a link to the span that has sent it.
 *
 * A message without a valid `traceparent` starts a trace of its own. The handler runs and its
 * errors stay the same when the tracer fails.
 *
 * @example
 * import { connect, route, webSocket } from 'rxwire';
 * import { traced } from 'rxwire/opentelemetry';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * wire.pipe(route({ 'order.placed': traced(({ payload }) => console.log(payload)) })).subscribe();
 */
export function traced<M extends Message, A extends readonly unknown[], R>(
  handler: (message: M, ...rest: A) => R,
  options: TracedOptions = {},
): (message: M, ...rest: A) => R {
  checkOptions('traced', options);
  const attempts = new WeakMap<Message, number>();

  return (message, ...rest) => {
    const attempt = (attempts.get(message) ?? 0) + 1;
    attempts.set(message, attempt);
    // Only `reply` calls a handler with a second argument.
    const isRequest = rest.length > 0;
    const span = startHandlerSpan(message, options, isRequest ? SpanKind.SERVER : SpanKind.CONSUMER, attempt);
    return span ? runSpan(span, () => handler(message, ...rest), isRequest) : handler(message, ...rest);
  };
}

function startHandlerSpan(message: Message, options: TracedOptions, kind: SpanKind, attempt: number): MessageSpan | undefined {
  const { tracer, publicEndpoint = false } = options;
  const carried = carriedContext(message);
  const origin = spanContextOf(carried);
  const isReplay = isReplayed(message);
  const spanOptions = {
    ...(tracer && { tracer }),
    kind,
    operation: kind === SpanKind.SERVER ? 'reply' : 'process',
    attributes: { 'rxwire.attempt': attempt, ...(isReplay && { 'rxwire.replay': true }) },
    links: origin && (publicEndpoint || isReplay) ? [{ context: origin }] : [],
  };
  return startSpan(message, spanOptions, publicEndpoint ? ROOT_CONTEXT : carried);
}

/** Calls a handler within its span, which ends with the result. */
function runSpan<R>(span: MessageSpan, call: () => R, isRequest: boolean): R {
  let result: R;
  try {
    result = runWithin(span.context, call);
  } catch (error) {
    span.end({}, { error });
    throw error;
  }
  if (isPromise(result)) return followPromise(span, result, isRequest) as R;
  // Lists are complete.
  if (!isStream(result) || Array.isArray(result)) {
    span.end();
    return result;
  }
  return followStream(span, result, isRequest) as R;
}

function followPromise(span: MessageSpan, result: PromiseLike<unknown>, isRequest: boolean): PromiseLike<unknown> {
  const ended = Promise.resolve(
    result.then(
      (value) => {
        span.end();
        return value;
      },
      (error: unknown) => {
        span.end({}, { error });
        throw error;
      },
    ),
  );
  if (!isRequest) return ended;
  // The reply is sent in a callback of the promise, and carries the context of its request.
  const within = <V, W>(callback: ((value: V) => W) | null | undefined) =>
    callback && ((value: V): W => runWithin(span.context, () => callback(value)));
  const then: Promise<unknown>['then'] = (onValue, onError) =>
    Promise.prototype.then.call(ended, within(onValue), within(onError)) as never;
  return Object.assign(ended, { then });
}

function followStream(span: MessageSpan, result: ObservableInput<unknown>, isRequest: boolean): Observable<unknown> {
  const subscribe = (subscriber: Subscriber<unknown>): Subscription =>
    runWithin(span.context, () => (isObservable(result) ? result : from(result)).subscribe(subscriber));
  const followed$ = new Observable<unknown>(subscribe).pipe(
    tap({
      complete: () => span.end(),
      error: (error: unknown) => span.end({}, { error }),
      unsubscribe: () => span.end({ 'rxwire.cancelled': true }),
    }),
  );
  return isRequest ? followed$.pipe(emitWithin(span.context)) : followed$;
}
