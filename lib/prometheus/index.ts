export type { InstrumentOptions as PrometheusMetricsOptions } from '../app/metrics/metricsSink.js';
export { prometheusMetrics } from './prometheusMetrics.js';
