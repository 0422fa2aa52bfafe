import { Counter, Histogram, type Registry } from 'prom-client';
import type { MessageDirection, MetricsSink } from '../app/metrics/metricsSink.js';
import { assertPositive } from '../internal/assert.js';
import { DURATION_BUCKETS, SIZE_BUCKETS } from '../internal/histogramBuckets.js';
import { createBoundedLabels } from '../internal/boundedLabels.js';

export interface PrometheusMetricsOptions {
  /** The prefix of the names of the metrics. @default 'rxwire' */
  readonly prefix?: string;
  /**
   * The maximum number of types, and of codes, that are counted separately; the others share
   * `other`.
   * @default 200
   */
  readonly maxNames?: number;
}

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
export function prometheusMetrics(registry: Registry, options: PrometheusMetricsOptions = {}): MetricsSink {
  const { prefix = 'rxwire', maxNames = 200 } = options;
  assertPositive('prometheusMetrics', { maxNames });

  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
    new Counter({ name: `${prefix}_${name}`, help, labelNames, registers: [registry] });
  const histogram = <L extends string>(name: string, help: string, labelNames: L[], buckets: number[]): Histogram<L> =>
    new Histogram({ name: `${prefix}_${name}`, help, labelNames, buckets, registers: [registry] });

  const messages = counter('messages_total', 'Messages', ['direction', 'type']);
  const sizes = histogram('message_size_bytes', 'Sizes of messages, about', ['direction'], SIZE_BUCKETS);
  const errors = counter('errors_total', 'Errors', ['code']);
  const messageErrors = counter('message_errors_total', 'Errors about one message', ['type']);
  const drops = counter('drops_total', 'Messages that were dropped', ['reason']);
  const durations = histogram('duration_seconds', 'How long messages, acks, queues and reconnecting take', ['work'], DURATION_BUCKETS);

  // Looked up once for each label, because it is used for each message.
  const direction = (name: MessageDirection) => ({
    count: createBoundedLabels(maxNames, (type) => messages.labels({ direction: name, type })),
    size: sizes.labels({ direction: name }),
  });
  const directions = { sent: direction('sent'), received: direction('received') };
  const codes = createBoundedLabels(maxNames, (code) => errors.labels({ code }));
  const reasons = createBoundedLabels(maxNames, (reason) => drops.labels({ reason }));
  const errorTypes = createBoundedLabels(maxNames, (type) => messageErrors.labels({ type }));
  const works = {
    ack: durations.labels('ack'),
    endToEnd: durations.labels('endToEnd'),
    queue: durations.labels('queue'),
    reconnect: durations.labels('reconnect'),
  };

  return {
    message(way, type, size) {
      directions[way].count(type).inc();
      directions[way].size.observe(size);
    },
    error(code, type) {
      codes(code).inc();
      if (type !== undefined) errorTypes(type).inc();
    },
    drop: (reason) => reasons(reason).inc(),
    time: (work, duration) => works[work].observe(duration / 1_000),
  };
}
