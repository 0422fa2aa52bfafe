export type { InstrumentOptions as OpenTelemetryMetricsOptions } from '../../operators/metrics/metricsSink.js';
export { openTelemetryMetrics } from './openTelemetryMetrics.js';
export { traced, type TracedOptions } from './traced.js';
export { tracedRequest, type TracedRequestOptions, traceWire, type TraceWireOptions } from './traceWire.js';
export { type TracingOptions, withTraceContext } from './messageSpan.js';
