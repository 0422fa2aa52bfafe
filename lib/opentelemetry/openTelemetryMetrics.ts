import type { Attributes, Meter } from '@opentelemetry/api';
import type { MessageDirection, MetricsSink, TimedWork } from '../app/metrics/metricsSink.js';
import { assertPositive } from '../internal/assert.js';
import { DURATION_BUCKETS, SIZE_BUCKETS } from '../internal/histogramBuckets.js';
import { createBoundedLabels } from '../internal/boundedLabels.js';

export interface OpenTelemetryMetricsOptions {
  /** The prefix of the names of the instruments. @default 'rxwire' */
  readonly prefix?: string;
  /**
   * The maximum number of types, and of codes, that are counted separately; the others share
   * `other`.
   * @default 200
   */
  readonly maxNames?: number;
}

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
export function openTelemetryMetrics(meter: Meter, options: OpenTelemetryMetricsOptions = {}): MetricsSink {
  const { prefix = 'rxwire', maxNames = 200 } = options;
  assertPositive('openTelemetryMetrics', { maxNames });

  const counter = (name: string, unit: string, description: string) => meter.createCounter(`${prefix}.${name}`, { unit, description });
  const histogram = (name: string, unit: string, description: string, explicitBucketBoundaries: number[]) =>
    meter.createHistogram(`${prefix}.${name}`, { unit, description, advice: { explicitBucketBoundaries } });

  const messages = counter('messages', '{message}', 'Messages');
  const sizes = histogram('message.size', 'By', 'Sizes of messages, about', SIZE_BUCKETS);
  const errors = counter('errors', '{error}', 'Errors');
  const messageErrors = counter('message.errors', '{error}', 'Errors about one message');
  const drops = counter('drops', '{message}', 'Messages that were dropped');
  const durations = histogram('duration', 's', 'How long messages, acks, queues and reconnecting take', DURATION_BUCKETS);

  // Created once for each label, because it is used for each message.
  const direction = (name: MessageDirection) => ({
    size: { direction: name },
    typed: createBoundedLabels(maxNames, (type): Attributes => ({ direction: name, type })),
  });
  const directions = { sent: direction('sent'), received: direction('received') };
  const codes = createBoundedLabels(maxNames, (code): Attributes => ({ code }));
  const reasons = createBoundedLabels(maxNames, (reason): Attributes => ({ reason }));
  const errorTypes = createBoundedLabels(maxNames, (type): Attributes => ({ type }));
  const works: Record<TimedWork, Attributes> = {
    ack: { work: 'ack' },
    endToEnd: { work: 'endToEnd' },
    queue: { work: 'queue' },
    reconnect: { work: 'reconnect' },
  };

  return {
    message(way, type, size) {
      messages.add(1, directions[way].typed(type));
      sizes.record(size, directions[way].size);
    },
    error(code, type) {
      errors.add(1, codes(code));
      if (type !== undefined) messageErrors.add(1, errorTypes(type));
    },
    drop: (reason) => drops.add(1, reasons(reason)),
    time: (work, duration) => durations.record(duration / 1_000, works[work]),
  };
}
