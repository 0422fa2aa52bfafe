import {
  context,
  diag,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type SpanKind,
  type Tracer,
} from '@opentelemetry/api';
import { RxwireError } from '../errors.js';

/**
 * Calls code of OpenTelemetry, which may throw: then it reports the error to the `diag` logger, and
 * returns undefined.
 */
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

/**
 * Calls a function once, with this context active. It is called without the context if the context
 * manager fails.
 */
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

export interface SpanDraft {
  readonly tracer: Tracer;
  readonly kind: SpanKind;
  readonly name: string;
  readonly attributes: Attributes;
  readonly links: Link[];
}

/** Starts a span below the span of a context. Returns undefined if the tracer fails. */
export function startSpan({ tracer, name, ...options }: SpanDraft, parent: Context): MessageSpan | undefined {
  return guarded(() => {
    const span = tracer.startSpan(name, options, parent);
    let isOpen = true;
    return {
      context: trace.setSpan(parent, span),
      isRecording: span.isRecording(),
      event: (event, attributes) => void guarded(() => span.addEvent(event, attributes)),
      end(attributes = {}, failure) {
        if (!isOpen) return;
        isOpen = false;
        guarded(() => {
          span.setAttributes(attributes);
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
