export { createMetrics, type Metrics, type MetricsOptions } from './createMetrics.js';
export type { ErrorCounts, HistogramSnapshot, MessageCounts, MetricsSnapshot, NamedCounts } from './metricsSnapshot.js';
