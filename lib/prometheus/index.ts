export type { InstrumentOptions as PrometheusMetricsOptions } from '../app/metrics/instruments.js';
export { prometheusMetrics } from './prometheusMetrics.js';
