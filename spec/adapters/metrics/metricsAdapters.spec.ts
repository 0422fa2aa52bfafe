import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { Registry } from 'prom-client';
import { map, of, VirtualTimeScheduler } from 'rxjs';
import { meter } from '../../../lib/operators/metrics/meter.js';
import type { MetricsSink } from '../../../lib/operators/metrics/metricsSink.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { openTelemetryMetrics } from '../../../lib/adapters/opentelemetry/index.js';
import { prometheusMetrics } from '../../../lib/adapters/prometheus/index.js';

/** Something of everything. */
function fill(sink: MetricsSink): void {
  const scheduler = new VirtualTimeScheduler();
  scheduler.frame = 1_000;
  of(createMessage('spec.said', 'x'.repeat(100)), createMessage('spec.said', 'bye'), createMessage('spec.wave', null))
    .pipe(
      map((message) => ({ ...message, timestamp: 750 })),
      meter(sink, { scheduler }),
      meter(sink, { direction: 'sent' }),
    )
    .subscribe();
  sink.error('ERR_DECODE');
  sink.error('ERR_HANDLER', 'spec.said');
  sink.drop('overflow');
  sink.time('ack', 20);
  sink.time('queue', 2_000);
  sink.time('reconnect', 500);
}

const flood = (sink: MetricsSink): void => {
  for (let index = 0; index < 500; index++) {
    sink.message('received', `type.${index}`, 1);
    sink.error(`code ${index}`, `type.${index}`);
    sink.drop(`reason ${index}`);
  }
};

describe('openTelemetryMetrics', () => {
  /** What an SDK would export of it. */
  async function exported(use: (sink: MetricsSink) => void) {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
    use(openTelemetryMetrics(provider.getMeter('spec')));
    await provider.forceFlush();
    const found = exporter.getMetrics()[0]!.scopeMetrics[0]!.metrics;
    await provider.shutdown();
    return (name: string) => found.find(({ descriptor }) => descriptor.name === name)!;
  }

  it('counts messages by direction and type, errors by code, drops by reason', async () => {
    const metric = await exported(fill);
    const points = (name: string) => metric(name).dataPoints.map(({ attributes, value }) => ({ ...attributes, value }));
    expect(points('rxwire.messages')).toEqual([
      { direction: 'received', type: 'spec.said', value: 2 },
      { direction: 'sent', type: 'spec.said', value: 2 },
      { direction: 'received', type: 'spec.wave', value: 1 },
      { direction: 'sent', type: 'spec.wave', value: 1 },
    ]);
    expect(points('rxwire.errors')).toEqual([
      { code: 'ERR_DECODE', value: 1 },
      { code: 'ERR_HANDLER', value: 1 },
    ]);
    expect(points('rxwire.message.errors')).toEqual([{ type: 'spec.said', value: 1 }]);
    expect(points('rxwire.drops')).toEqual([{ reason: 'overflow', value: 1 }]);
  });

  it('has histograms of sizes in bytes, and of durations in seconds', async () => {
    const metric = await exported(fill);
    const points = (name: string) =>
      metric(name).dataPoints.map(({ attributes, value }) => {
        const { count, sum } = value as { readonly count: number; readonly sum: number };
        return { ...attributes, count, sum };
      });
    expect(metric('rxwire.message.size').descriptor.unit).toBe('By');
    expect(points('rxwire.message.size')).toEqual([
      { direction: 'received', count: 3, sum: 107 },
      { direction: 'sent', count: 3, sum: 107 },
    ]);
    expect(metric('rxwire.duration').descriptor.unit).toBe('s');
    expect(points('rxwire.duration')).toEqual([
      { work: 'endToEnd', count: 3, sum: 0.75 },
      { work: 'ack', count: 1, sum: 0.02 },
      { work: 'queue', count: 1, sum: 2 },
      { work: 'reconnect', count: 1, sum: 0.5 },
    ]);
  });

  it('has 200 labels of each kind at most, then other', async () => {
    const metric = await exported(flood);
    for (const name of ['rxwire.messages', 'rxwire.errors', 'rxwire.message.errors', 'rxwire.drops']) {
      const points = metric(name).dataPoints;
      expect(points).toHaveLength(201);
      expect(points.find(({ attributes }) => Object.values(attributes).includes('other'))?.value).toBe(300);
    }
  });
});

describe('prometheusMetrics', () => {
  /** What a scrape would get of it. */
  async function scraped(use: (sink: MetricsSink) => void): Promise<readonly string[]> {
    const registry = new Registry();
    use(prometheusMetrics(registry));
    return (await registry.metrics()).split('\n');
  }

  it('counts messages by direction and type, errors by code, drops by reason', async () => {
    expect(await scraped(fill)).toEqual(
      expect.arrayContaining([
        'rxwire_messages_total{direction="received",type="spec.said"} 2',
        'rxwire_messages_total{direction="sent",type="spec.wave"} 1',
        'rxwire_errors_total{code="ERR_DECODE"} 1',
        'rxwire_message_errors_total{type="spec.said"} 1',
        'rxwire_drops_total{reason="overflow"} 1',
      ]),
    );
  });

  it('has histograms of sizes in bytes, and of durations in seconds', async () => {
    expect(await scraped(fill)).toEqual(
      expect.arrayContaining([
        'rxwire_message_size_bytes_bucket{le="64",direction="received"} 2',
        'rxwire_message_size_bytes_sum{direction="received"} 107',
        'rxwire_duration_seconds_bucket{le="0.01",work="ack"} 0',
        'rxwire_duration_seconds_bucket{le="0.025",work="ack"} 1',
        'rxwire_duration_seconds_sum{work="queue"} 2',
        'rxwire_duration_seconds_sum{work="endToEnd"} 0.75',
        'rxwire_duration_seconds_count{work="reconnect"} 1',
      ]),
    );
  });

  it('has 200 labels of each kind at most, then other', async () => {
    const lines = await scraped(flood);
    for (const name of ['rxwire_messages_total', 'rxwire_errors_total', 'rxwire_message_errors_total', 'rxwire_drops_total']) {
      const values = lines.filter((line) => line.startsWith(`${name}{`));
      expect(values).toHaveLength(201);
      expect(values.find((line) => line.includes('"other"'))).toMatch(/ 300$/);
    }
  });

  it('has its metrics under another name', async () => {
    const registry = new Registry();
    prometheusMetrics(registry, { prefix: 'a' });
    prometheusMetrics(registry, { prefix: 'b' }).error('ERR_DECODE');
    expect(() => prometheusMetrics(registry, { prefix: 'b' })).toThrow('already been registered');
    expect(await registry.metrics()).toContain('b_errors_total{code="ERR_DECODE"} 1');
  });
});

it.each([
  ['openTelemetryMetrics', () => openTelemetryMetrics(new MeterProvider().getMeter('spec'), { maxNames: 0 })],
  ['prometheusMetrics', () => prometheusMetrics(new Registry(), { maxNames: 0 })],
])('%s refuses a maxNames that is not positive', (name, call) => {
  expect(call).toThrow(new RangeError(`${name}: "maxNames" must be > 0, got 0`));
});
