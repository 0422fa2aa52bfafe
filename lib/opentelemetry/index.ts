export { openTelemetryMetrics, type OpenTelemetryMetricsOptions } from './openTelemetryMetrics.js';
