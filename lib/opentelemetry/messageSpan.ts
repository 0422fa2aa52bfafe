import { SpanKind, SpanStatusCode, trace, type Attributes, type Context, type Link, type Tracer } from '@opentelemetry/api';
import { RxwireError } from '../errors.js';
import type { Message } from '../message/types.js';
import { activeContext, carriedContext, guarded, spanContextOf } from './traceContext.js';

export interface TracingOptions {
  /** Creates the spans. @default `trace.getTracer('rxwire')` of `@opentelemetry/api` */
  readonly tracer?: Tracer;
}

/** A span about one message. Its methods do not throw. */
export interface MessageSpan {
  /** The context in which the span is the active one. */
  readonly context: Context;
  /** Whether the span is recorded. */
  readonly isRecording: boolean;
  event(name: string, attributes?: Attributes): void;
  /** Ends the span, once. With an error, the span has failed. */
  end(attributes?: Attributes, failure?: { readonly error: unknown }): void;
}

export interface MessageSpanOptions extends TracingOptions {
  /** The name of what is done with the message. */
  readonly operation: string;
  /** CLIENT and SERVER are for requests, whose id is the id of the conversation. */
  readonly kind: SpanKind;
  /** Attributes beside those that each message has. */
  readonly attributes?: Attributes;
  readonly links?: Link[];
}

/**
 * Starts a span about a message below the span of a context, with attributes by the semantic
 * conventions of OpenTelemetry for messaging. Returns undefined if the tracer fails.
 */
export function startSpan(message: Message, options: MessageSpanOptions, parent: Context): MessageSpan | undefined {
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
      context: trace.setSpan(parent, span),
      isRecording: span.isRecording(),
      event: (event, values) => void guarded(() => span.addEvent(event, values)),
      end(values = {}, failure) {
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
 * Starts the span that sends a message: below the active span, or in the trace that the message
 * carries already.
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
