import { SpanKind } from '@opentelemetry/api';
import { nanoid } from 'nanoid';
import { defer, type Observable, Subscription, tap } from 'rxjs';
import { assertPositive, checkOptions } from '../../message/development.js';
import { isReplyOrCancel } from '../../operators/requests/replyMessage.js';
import { request } from '../../operators/requests/request.js';
import type { ReplyOf, RequestOptions, RequestWire } from '../../operators/requests/requestTypes.js';
import { isFinal, type Receipt } from '../../message/receipt.js';
import type { Message, MessageHeaders } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import {
  activeContext,
  carryContext,
  emitWithin,
  guarded,
  type MessageSpan,
  startSendSpan,
  type TracingOptions,
  withTraceContext,
} from './messageSpan.js';

export interface TraceWireOptions extends TracingOptions {
  /**
   * Whether a span lasts until the outcome of its message is known. This needs `receipts$` while
   * spans are open: the other side then acks each message at once. Otherwise a span ends when the
   * wire has taken the message.
   * @default true
   */
  readonly receipts?: boolean;
  /** The maximum number of open spans; one more ends at once. @default 10_000 */
  readonly maxOpen?: number;
  /** Traces only the messages for which it returns true. @default all */
  readonly filter?: (message: Message) => boolean;
}

/**
 * Traces the messages that a wire sends from now on, by `next`, `send`, `sendAll`, `channel` or
 * otherwise: each is a span `send <type>` of the kind PRODUCER, and carries the context of that
 * span in its headers, in the format of the propagator that the application has registered. The
 * context is that of the call of `next`, also if the message goes out later.
 *
 * The span ends when the outcome of the message is known. It has the events `stored` and `sent`,
 * one for each time that the message was sent, and the attributes `rxwire.outcome` and
 * `rxwire.attempts`; the error of a message that was given up is its status. The outcome is
 * `processed`, `dead-lettered`, `acked`, `sent`, `refused`, `expired` or `dead`, or `unknown` if
 * the wire, or the tracing, ends first.
 *
 * A message of a channel is a span `publish <type>`. Replies carry the active context, that of
 * their request if {@link traced} wraps the handler, and are no spans. A message that carries a
 * context already stays in its trace. Messages of {@link tracedRequest} have their span already.
 *
 * `traced` is for the other side. It ends with the wire, or when the returned Subscription is
 * unsubscribed. The messages are sent as they are when the tracer fails.
 *
 * @throws {RangeError} At call time, if `maxOpen` is not positive.
 * @example
 * import { connect, createMessage, webSocket } from 'rxwire';
 * import { traceWire } from 'rxwire/opentelemetry';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * traceWire(wire);
 * wire.next(createMessage('order.placed', 'tea'));
 */
export function traceWire(wire: Wire, options: TraceWireOptions = {}): Subscription {
  checkOptions('traceWire', options);
  const { receipts = true, maxOpen = 10_000, filter = () => true } = options;
  assertPositive('traceWire', { maxOpen });
  const spans = openSpans(wire, maxOpen);

  const start = (message: Message, operation: string, channel?: string): MessageSpan | undefined => {
    const attributes = { 'messaging.client.id': wire.id, ...(channel !== undefined && { 'messaging.destination.name': channel }) };
    return startSendSpan(message, { ...options, operation, kind: SpanKind.PRODUCER, attributes });
  };
  /** Starts the span of a message, and returns the message as it is to be sent. */
  const trace = (message: Message): { readonly message: Message; readonly span?: MessageSpan | undefined } => {
    if (isReplyOrCancel(message.type)) return { message: withTraceContext(message) };
    const { type, payload } = message;
    if (type === 'channel.publish') {
      const { channel, message: inner } = payload as { readonly channel: string; readonly message: Message };
      const span = start(inner, 'publish', channel);
      return span
        ? { message: { ...message, payload: { ...(payload as object), message: carryContext(inner, span.context) } }, span }
        : { message };
    }
    if (isOfProtocol(type) || isTracedRequest(message)) return { message };
    const span = start(message, 'send');
    return span ? { message: carryContext(message, span.context), span } : { message };
  };

  const original = wire.next.bind(wire);
  const isOwn = Object.hasOwn(wire, 'next');
  let isActive = true;
  const next = (message: Message): void => {
    const isTraced = isActive && typeof (message as Partial<Message> | undefined)?.id === 'string';
    const traced = isTraced ? guarded(() => (filter(message) ? trace(message) : undefined)) : undefined;
    const span = traced?.span;
    if (span && receipts) spans.add(message.id, span);
    original(traced?.message ?? message);
    if (span && !receipts) span.end();
  };
  wire.next = next;
  return new Subscription(() => {
    isActive = false;
    spans.close();
    if (wire.next !== next) return;
    if (isOwn) wire.next = original;
    else Reflect.deleteProperty(wire, 'next');
  });
}

/**
 * Returns whether messages of this type belong to a protocol of this library. The hub shares the
 * encoded text of its messages: they must not be copied.
 */
function isOfProtocol(type: string): boolean {
  return type.startsWith('channel.') || type === 'ack';
}

/** The spans of messages without an outcome. While there are any, it subscribes to receipts. */
function openSpans(wire: Wire, maxOpen: number) {
  /** `attempts`: how often the message was sent. */
  const spans = new Map<string, { readonly span: MessageSpan; attempts: number }>();
  let receipts: Subscription | undefined;

  const onReceipt = (receipt: Receipt): void => {
    const { id, status, outcome = status, error } = receipt;
    const open = spans.get(id);
    if (!open) return;
    if (status === 'stored') open.span.event('stored');
    if (status === 'sent') open.span.event('sent', { 'rxwire.attempt': ++open.attempts });
    if (!isFinal(receipt, wire)) return;
    spans.delete(id);
    open.span.end({ 'rxwire.outcome': outcome, 'rxwire.attempts': open.attempts }, error && { error });
    if (spans.size === 0) receipts?.unsubscribe();
  };
  /** Ends all spans: their outcomes are not known. */
  const close = (): void => {
    receipts?.unsubscribe();
    for (const { span, attempts } of spans.values()) span.end({ 'rxwire.outcome': 'unknown', 'rxwire.attempts': attempts });
    spans.clear();
  };
  return {
    /** Keeps the span of a message that is going to be sent. */
    add(id: string, span: MessageSpan): void {
      // The wire takes a message with the id of a pending one for the same message. Without a
      // place, and without a reader, a span does not wait.
      if (!span.isRecording || spans.has(id) || spans.size >= maxOpen) {
        span.end();
        return;
      }
      spans.set(id, { span, attempts: 0 });
      // The receipts of a wire that has ended complete at once.
      if (!receipts || receipts.closed) receipts = wire.receipts$.subscribe({ next: onReceipt, complete: close });
    },
    close,
  };
}

export type TracedRequestOptions<T extends string> = RequestOptions<T> & TracingOptions;

/** The headers of requests that have their span: `request` keeps the headers of a message. */
const tracedHeaders = /* @__PURE__ */ new WeakSet<MessageHeaders>();

/** Returns whether a message is a request of {@link tracedRequest}. */
function isTracedRequest({ headers }: Message): boolean {
  return headers !== undefined && tracedHeaders.has(headers);
}

/**
 * Sends a request as `request` does. Each subscription is a span `request <type>` of the kind
 * CLIENT, which lasts until the last reply. The request carries the context of the span in its
 * headers: `reply` with a handler of {@link traced} continues the trace.
 *
 * The replies are emitted with the context that was active at the subscription. An error is the
 * status of the span; a request that is unsubscribed has the attribute `rxwire.cancelled`. The
 * attribute `rxwire.replies` is the number of replies.
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
  checkOptions('tracedRequest', options);
  const { tracer, ...requestOptions } = options;
  const send = (sent: Message<T, unknown>): Observable<ReplyOf<T>> => request(wire, sent, requestOptions);
  // Checks the options at call time.
  const untraced$ = send(message);
  let isFirst = true;

  return defer(() => {
    const mine = isFirst ? message : { ...message, id: nanoid() };
    const isRepeated = !isFirst;
    isFirst = false;
    const span = startSendSpan(mine, { ...(tracer && { tracer }), operation: 'request', kind: SpanKind.CLIENT });
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
