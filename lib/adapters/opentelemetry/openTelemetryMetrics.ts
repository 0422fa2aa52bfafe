import type { Meter } from '@opentelemetry/api';
import { checkOptions } from '../../message/development.js';
import { instrumentSink, type InstrumentOptions, type MetricsSink } from '../../operators/metrics/metricsSink.js';

/**
 * Lets `meter` and `meterWire` write to instruments of OpenTelemetry, which computes the
 * histograms: `rxwire.messages` and `rxwire.message.size` by direction, `rxwire.errors` by code,
 * `rxwire.message.errors` by the type of the message, `rxwire.drops` by reason, `rxwire.duration`
 * by work. Needs the package `@opentelemetry/api`, and an SDK that exports the measurements.
 *
 * @param meter Creates the instruments: `metrics.getMeter('my app')`.
 * @throws {RangeError} At call time, if `maxNames` is not positive.
 * @example
 * import { metrics } from '@opentelemetry/api';
 * import { connect, meter, meterWire, webSocket } from 'rxwire';
 * import { openTelemetryMetrics } from 'rxwire/opentelemetry';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const otel = openTelemetryMetrics(metrics.getMeter('console'));
 * wire.pipe(meter(otel)).subscribe(console.log);
 * meterWire(wire, otel);
 */
export function openTelemetryMetrics(meter: Meter, options: InstrumentOptions = {}): MetricsSink {
  checkOptions('openTelemetryMetrics', options);
  return instrumentSink('openTelemetryMetrics', options, (prefix) => ({ name, unit, description, buckets }) => {
    if (buckets) {
      const advice = { explicitBucketBoundaries: buckets };
      const histogram = meter.createHistogram(`${prefix}.${name}`, { unit, description, advice });
      return (attributes) => (value) => histogram.record(value, attributes);
    }
    const counter = meter.createCounter(`${prefix}.${name}`, { unit, description });
    return (attributes) => (value) => counter.add(value, attributes);
  });
}
