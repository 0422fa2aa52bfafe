import { SpanKind } from '@opentelemetry/api';
import { nanoid } from 'nanoid';
import { defer, tap, type Observable } from 'rxjs';
import { request } from '../app/requests/request.js';
import type { ReplyOf, RequestOptions, RequestWire } from '../app/requests/requestTypes.js';
import type { Message, MessageHeaders } from '../message/types.js';
import { startSendSpan, type TracingOptions, activeContext, carryContext, emitWithin } from './messageSpan.js';

export type TracedRequestOptions<T extends string> = RequestOptions<T> & TracingOptions;

/**
 * The headers of requests that have their span: `request` copies a message, and keeps its headers.
 */
const tracedHeaders = /* @__PURE__ */ new WeakSet<MessageHeaders>();

/** Returns whether a message is a request of {@link tracedRequest}. */
export function isTracedRequest({ headers }: Message): boolean {
  return headers !== undefined && tracedHeaders.has(headers);
}

/**
 * Sends a request as `request` does. Each subscription is a span `request <type>` of the kind
 * CLIENT, which lasts until the last reply. The request carries the context of the span in its
 * headers: `reply` with a handler of {@link traced} continues the trace.
 *
 * The replies are emitted with the context that was active at the subscription. An error is the
 * status of the span; a request that is unsubscribed has the attribute `rxwire.cancelled`.
 *
 * @throws {RangeError} At call time, if a number is not positive.
 * @throws {RxwireError} Delivered, as by `request`.
 * @example
 * import { connect, createMessage, webSocket } from 'rxwire';
 * import { tracedRequest } from 'rxwire/opentelemetry';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * tracedRequest(wire, createMessage('files.list', '/')).subscribe(console.log);
 */
export function tracedRequest<T extends string>(
  wire: RequestWire,
  message: Message<T, unknown>,
  options: TracedRequestOptions<T> = {},
): Observable<ReplyOf<T>> {
  const send = (sent: Message<T, unknown>): Observable<ReplyOf<T>> => request(wire, sent, options);
  // Checks the options at call time.
  const untraced$ = send(message);
  let isFirst = true;

  return defer(() => {
    const mine = isFirst ? message : { ...message, id: nanoid() };
    const isRepeated = !isFirst;
    isFirst = false;
    const span = startSendSpan(mine, { ...options, operation: 'request', kind: SpanKind.CLIENT });
    if (!span) return untraced$;
    const carrying = carryContext(mine, span.context);
    if (carrying.headers && carrying !== mine) tracedHeaders.add(carrying.headers);
    let replies = 0;
    const end = (failure?: { readonly error: unknown }, cancelled?: true): void =>
      span.end({ 'rxwire.replies': replies, ...(cancelled && { 'rxwire.cancelled': true }) }, failure);
    return (isRepeated || carrying !== mine ? send(carrying) : untraced$).pipe(
      tap({
        next: () => replies++,
        complete: () => end(),
        error: (error: unknown) => end({ error }),
        unsubscribe: () => end(undefined, true),
      }),
      emitWithin(activeContext()),
    );
  });
}
