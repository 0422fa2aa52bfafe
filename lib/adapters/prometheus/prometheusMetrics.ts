import { Counter, Histogram, type Registry } from 'prom-client';
import { checkOptions } from '../../message/development.js';
import { instrumentSink, type InstrumentOptions, type MetricsSink } from '../../operators/metrics/metricsSink.js';

/** The ends of the names of histograms, by their unit. */
const SUFFIXES: Readonly<Record<string, string>> = { By: 'bytes', s: 'seconds' };

/**
 * Lets `meter` and `meterWire` write to metrics of prom-client: `rxwire_messages_total` by
 * direction and type, `rxwire_message_size_bytes` by direction, `rxwire_errors_total` by code,
 * `rxwire_message_errors_total` by the type of the message, `rxwire_drops_total` by reason,
 * `rxwire_duration_seconds` by work. Needs the package `prom-client`.
 *
 * @param registry The registry for the metrics. Each prefix can be registered once.
 * @throws {RangeError} At call time, if `maxNames` is not positive.
 * @throws {Error} At call time, from prom-client, if the registry has metrics of these names.
 * @example
 * import { register } from 'prom-client';
 * import { connect, meter, meterWire, webSocket } from 'rxwire';
 * import { prometheusMetrics } from 'rxwire/prometheus';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const metrics = prometheusMetrics(register);
 * wire.pipe(meter(metrics)).subscribe(console.log);
 * meterWire(wire, metrics);
 */
export function prometheusMetrics(registry: Registry, options: InstrumentOptions = {}): MetricsSink {
  checkOptions('prometheusMetrics', options);
  return instrumentSink('prometheusMetrics', options, (prefix) => ({ name, unit, description, labels, buckets }) => {
    const definition = {
      name: `${prefix}_${name.replace('.', '_')}_${SUFFIXES[unit] ?? 'total'}`,
      help: description,
      labelNames: labels,
      registers: [registry],
    };
    if (buckets) {
      const histogram = new Histogram({ ...definition, buckets });
      return (values) => {
        const labelled = histogram.labels(values);
        return (value) => labelled.observe(value);
      };
    }
    const counter = new Counter(definition);
    return (values) => {
      const labelled = counter.labels(values);
      return (value) => labelled.inc(value);
    };
  });
}
