export type { InstrumentOptions as PrometheusMetricsOptions } from '../../operators/metrics/metricsSink.js';
export { prometheusMetrics } from './prometheusMetrics.js';
