import type { Context, Link, SpanKind } from '@opentelemetry/api';
import type { Message } from '../message/types.js';
import { messageAttributes } from './messageAttributes.js';
import { startSpan, type MessageSpan } from './messageSpan.js';
import { activeContext, carriedContext, spanContextOf } from './traceHeaders.js';
import { tracerOf, type TracingOptions } from './tracingOptions.js';

export interface SendSpanOptions extends TracingOptions {
  readonly operation: string;
  readonly kind: SpanKind;
  /** Whether the message is a request. */
  readonly isRequest: boolean;
  readonly attributes?: Readonly<Record<string, string>>;
}

/**
 * Starts the span that sends a message: below the active span, or in the trace that the message
 * carries already.
 */
export function startSendSpan(message: Message, options: SendSpanOptions): MessageSpan | undefined {
  const { operation, kind, isRequest, attributes } = options;
  const { parent, links } = parentOf(message);
  const draft = {
    tracer: tracerOf(options),
    kind,
    name: `${operation} ${message.type}`,
    attributes: { ...messageAttributes(message, operation, 'send', isRequest), ...attributes },
    links,
  };
  return startSpan(draft, parent);
}

/**
 * A message that carries a context was received, or is the message of a dead letter: it stays in
 * its trace. The active span is its parent if it belongs to the same trace, and linked otherwise:
 * it may be any span that has opened the connection.
 */
function parentOf(message: Message): { readonly parent: Context; readonly links: Link[] } {
  const active = activeContext();
  const carried = carriedContext(message);
  const [now, origin] = [spanContextOf(active), spanContextOf(carried)];
  if (!origin || origin.traceId === now?.traceId) return { parent: active, links: [] };
  return { parent: carried, links: now ? [{ context: now }] : [] };
}
