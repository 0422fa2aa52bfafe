export {
  createMetrics,
  type ErrorCounts,
  type HistogramSnapshot,
  type MessageCounts,
  type Metrics,
  type MetricsOptions,
  type MetricsSnapshot,
  type NamedCounts,
} from './createMetrics.js';
