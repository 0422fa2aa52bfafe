import {
  type Attributes,
  context,
  type Context,
  diag,
  isSpanContextValid,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { RxwireError } from '../../message/errors.js';
import { operate } from '../../operators/subscribing/operate.js';
import { copyFields } from '../../message/copyFields.js';
import type { Message, MessageHeaders } from '../../message/types.js';

export interface TracingOptions {
  /** Creates the spans. @default `trace.getTracer('rxwire')` of `@opentelemetry/api` */
  readonly tracer?: Tracer;
}

export type MessageSpan = NonNullable<ReturnType<typeof startSpan>>;

interface MessageSpanOptions extends TracingOptions {
  /** The name of what is done with the message. */
  readonly operation: string;
  /** CLIENT and SERVER are for requests, whose id is the id of the conversation. */
  readonly kind: SpanKind;
  readonly attributes?: Attributes;
  readonly links?: Link[];
}

/**
 * Starts a span about a message below the span of a context, with attributes by the semantic
 * conventions of OpenTelemetry. Returns undefined if the tracer fails; no method throws.
 */
export function startSpan(message: Message, options: MessageSpanOptions, parent: Context) {
  // The default tracer is a proxy: it works also when the application registers its SDK later.
  const { tracer = trace.getTracer('rxwire'), operation, kind, attributes, links = [] } = options;
  const { id, type, correlationId } = message;
  const conversation = kind === SpanKind.CLIENT || kind === SpanKind.SERVER ? id : correlationId;
  const all: Attributes = {
    'messaging.system': 'rxwire',
    'messaging.operation.name': operation,
    'messaging.operation.type': kind === SpanKind.CLIENT || kind === SpanKind.PRODUCER ? 'send' : 'process',
    'messaging.destination.name': type,
    'messaging.message.id': id,
    ...(conversation !== undefined && { 'messaging.message.conversation_id': conversation }),
    ...attributes,
  };
  return guarded(() => {
    const span = tracer.startSpan(`${operation} ${type}`, { kind, attributes: all, links }, parent);
    let isOpen = true;
    return {
      /** The context in which the span is the active one. */
      context: trace.setSpan(parent, span),
      isRecording: span.isRecording(),
      event: (event: string, values?: Attributes) => void guarded(() => span.addEvent(event, values)),
      /** Ends the span, once. With an error, the span has failed. */
      end(values: Attributes = {}, failure?: { readonly error: unknown }): void {
        if (!isOpen) return;
        isOpen = false;
        guarded(() => {
          span.setAttributes(values);
          if (failure) {
            const { error } = failure;
            span.setAttribute('error.type', typeOf(error));
            span.recordException(error instanceof Error ? error : String(error));
            span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
          }
        });
        guarded(() => span.end());
      },
    };
  });
}

/** Returns the code of an error if it has one, otherwise its name. */
function typeOf(error: unknown): string {
  if (error instanceof RxwireError) return error.code;
  return error instanceof Error ? error.name : '_OTHER';
}

/**
 * Starts the span that sends a message: below the active span, or in the trace of the message.
 *
 * A message that carries a context was received, or is the message of a dead letter: it stays in
 * its trace. The active span is its parent if it belongs to the same trace, and linked otherwise:
 * it may be any span that has opened the connection.
 */
export function startSendSpan(message: Message, options: MessageSpanOptions): MessageSpan | undefined {
  const active = activeContext();
  const carried = carriedContext(message);
  const [now, origin] = [spanContextOf(active), spanContextOf(carried)];
  if (!origin || origin.traceId === now?.traceId) return startSpan(message, options, active);
  return startSpan(message, { ...options, links: now ? [{ context: now }] : [] }, carried);
}

/** Calls code of OpenTelemetry. If it throws, reports the error to the `diag` logger. */
export function guarded<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    try {
      diag.error('rxwire: tracing has failed', error);
    } catch {
      // The logger of the application fails, too. A message must not fail because of it.
    }
    return undefined;
  }
}

/** Calls a function once, with this context active unless the context manager fails. */
export function runWithin<R>(active: Context, call: () => R): R {
  const outcome: { value?: R; failure?: { readonly error: unknown }; isKnown?: true } = {};
  const run = (): void => {
    outcome.isKnown = true;
    try {
      outcome.value = call();
    } catch (error) {
      outcome.failure = { error };
    }
  };
  guarded(() => context.with(active, run));
  if (!outcome.isKnown) run();
  if (outcome.failure) throw outcome.failure.error;
  return outcome.value as R;
}

/** Emits with this context active, whatever context the source emits in. */
export function emitWithin<T>(active: Context) {
  return operate<T, T>((subscriber) => ({
    next: (value) => runWithin(active, () => subscriber.next(value)),
    error: (error) => runWithin(active, () => subscriber.error(error)),
    complete: () => runWithin(active, () => subscriber.complete()),
  }));
}

/** Headers come from the other side: only texts are read. */
const getter: TextMapGetter<MessageHeaders> = {
  get(headers, name) {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
    return typeof value === 'string' ? value : undefined;
  },
  keys: (headers) => Object.keys(headers),
};

/** Returns the context in the headers of a message: an empty one if there is no valid one. */
export function carriedContext({ headers }: Message): Context {
  return (headers && guarded(() => propagation.extract(ROOT_CONTEXT, headers, getter))) ?? ROOT_CONTEXT;
}

export function activeContext(): Context {
  return guarded(() => context.active()) ?? ROOT_CONTEXT;
}

/** Returns the span context of a context; undefined if there is none, or an invalid one. */
export function spanContextOf(of: Context): SpanContext | undefined {
  const found = guarded(() => trace.getSpanContext(of));
  return found && isSpanContextValid(found) ? found : undefined;
}

/**
 * Returns a copy of a message that carries a context in its headers, in the format of the
 * registered propagator. If the headers would exceed the limits of a message, they carry
 * `traceparent` only, or nothing more. Without a registered propagator, returns the message itself.
 */
export function carryContext<M extends Message>(message: M, carried: Context): M {
  const fields: Record<string, string> = {};
  guarded(() => propagation.inject(carried, fields, { set: (target, name, value) => void (target[name] = value) }));
  if (Object.keys(fields).length === 0) return message;
  const others: Record<string, unknown> = { ...message.headers };
  // The message may carry headers of another trace. They must not be mixed with those of this one.
  for (const name of guarded(() => propagation.fields()) ?? []) Reflect.deleteProperty(others, name);
  const { traceparent } = fields;
  const candidates: MessageHeaders[] = [{ ...others, ...fields }, ...(traceparent === undefined ? [] : [{ ...others, traceparent }])];
  const headers = candidates.find(isWithinLimits);
  return headers ? { ...message, headers } : message;
}

function isWithinLimits(headers: MessageHeaders): boolean {
  try {
    copyFields(headers, {}, (rule) => {
      throw new RangeError(rule);
    });
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns a copy of a message that carries the active context in its headers, in the format of the
 * propagator that the application has registered: by default `traceparent` and `tracestate` of W3C,
 * and `baggage`. Without an active span, and without a propagator, it returns the message itself.
 *
 * It is for messages that no wire of {@link traceWire} sends, as those of a local queue. It is a
 * middleware, too: `outgoing$.pipe(use(withTraceContext))`.
 *
 * @example
 * import { createMessage, queue } from 'rxwire';
 * import { traced, withTraceContext } from 'rxwire/opentelemetry';
 *
 * const jobs = queue('jobs');
 * jobs.process(traced(({ payload }) => console.log(payload))).subscribe(); // prints: tea
 * jobs.next(withTraceContext(createMessage('job.wanted', 'tea')));
 */
export function withTraceContext<M extends Message>(message: M): M {
  return carryContext(message, activeContext());
}
