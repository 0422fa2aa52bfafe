import { context, diag, propagation, trace, type Span, type SpanContext } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-node';

/** The real SDK of a spec, with a context manager for asynchronous code, and W3C propagation. */
export function tracing() {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

  beforeAll(() => provider.register());
  beforeEach(() => exporter.reset());
  afterAll(async () => {
    await provider.shutdown();
    [trace, context, propagation, diag].forEach((api) => api.disable());
  });
  const tracer = trace.getTracer('spec');
  const ended = (): readonly ReadableSpan[] => exporter.getFinishedSpans();
  const find = (name: string): ReadableSpan => {
    const found = ended().filter((span) => span.name === name);
    if (found.length !== 1)
      throw new Error(
        `${found.length} spans ${name} among ${ended()
          .map((span) => span.name)
          .join(', ')}`,
      );
    return found[0]!;
  };
  return {
    tracer,
    /** The spans that have ended, in that order. */
    ended,
    /** The only span of this name. */
    find,
    names: (): readonly string[] => ended().map(({ name }) => name),
    /** Runs with a span active, which ends then. */
    within: <R>(name: string, run: (span: Span) => R): R =>
      tracer.startActiveSpan(name, (span) => {
        try {
          return run(span);
        } finally {
          span.end();
        }
      }),
    /** A span that ends at once, below the active one. */
    mark: (name: string): void => tracer.startSpan(name).end(),
    /** The names of a span and those above it, up to the root. */
    ancestry(name: string): readonly string[] {
      const names: string[] = [];
      for (let span: ReadableSpan | undefined = find(name); span;) {
        names.push(span.name);
        const parent: SpanContext | undefined = span.parentSpanContext;
        span = parent && ended().find((other) => other.spanContext().spanId === parent.spanId);
        if (parent && !span) names.push('?');
      }
      return names;
    },
    traceIds: (): ReadonlySet<string> => new Set(ended().map((span) => span.spanContext().traceId)),
  };
}

/** The header that carries a span. */
export const traceparentOf = (span: ReadableSpan): string => `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`;
