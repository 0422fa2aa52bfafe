import { trace, type Tracer } from '@opentelemetry/api';

export interface TracingOptions {
  /** Creates the spans. @default `trace.getTracer('rxwire')` of `@opentelemetry/api` */
  readonly tracer?: Tracer;
}

/**
 * Returns the tracer. The default one is a proxy: it works also when the application registers its
 * SDK later.
 */
export function tracerOf({ tracer }: TracingOptions): Tracer {
  return tracer ?? trace.getTracer('rxwire');
}
