export {
  createMetrics,
  type ErrorCounts,
  type MessageCounts,
  type Metrics,
  type MetricsOptions,
  type MetricsSnapshot,
  type NamedCounts,
} from './createMetrics.js';
export type { HistogramSnapshot } from './histogram.js';
