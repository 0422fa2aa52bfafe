import { VirtualTimeScheduler } from 'rxjs';
import { createMetrics, type HistogramSnapshot } from '../../../lib/adapters/metrics/index.js';
import { retained } from '../../bench/bench.js';
import { record } from '../../support/record.js';

const nothing: HistogramSnapshot = { count: 0, sum: 0, min: 0, max: 0, mean: 0, p50: 0, p95: 0, p99: 0 };

/** Whether a percentile is as exact as promised. */
const isNear = (actual: number, expected: number): boolean => Math.abs(actual - expected) <= 0.011 * expected;

describe('createMetrics', () => {
  it('counts sent, received, errors and drops: in total, and by name', () => {
    const metrics = createMetrics();
    metrics.message('sent', 'a', 1);
    for (const type of ['a', 'b', 'a']) metrics.message('received', type, 1);
    metrics.error('ERR_DECODE');
    metrics.error('ERR_DECODE');
    metrics.drop('overflow');
    const { sent, received, errors, drops } = metrics.snapshot();
    expect(sent).toMatchObject({ total: 1, byName: { a: 1 } });
    expect(received).toMatchObject({ total: 3, byName: { a: 2, b: 1 } });
    expect(errors).toEqual({ total: 2, byName: { ERR_DECODE: 2 }, byType: {} });
    expect(drops).toEqual({ total: 1, byName: { overflow: 1 } });
  });

  it('has histograms of sizes and latencies with count, sum, min, max, mean, p50, p95 and p99', () => {
    const metrics = createMetrics();
    for (let value = 1; value <= 1_000; value++) {
      metrics.message('sent', 'a', 10 * value);
      metrics.time('ack', value);
    }
    const { sent, received, times } = metrics.snapshot();
    expect(sent.size).toMatchObject({ count: 1_000, sum: 5_005_000, min: 10, max: 10_000, mean: 5_005 });
    expect(times.ack).toMatchObject({ count: 1_000, sum: 500_500, min: 1, max: 1_000, mean: 500.5 });
    const percentiles = [times.ack.p50, times.ack.p95, times.ack.p99];
    expect(percentiles.map((value, index) => isNear(value, [500, 950, 990][index]!))).toEqual([true, true, true]);
    expect([received.size, times.queue, times.reconnect, times.endToEnd]).toEqual([nothing, nothing, nothing, nothing]);
  });

  it('counts errors by the type of their message, beside their code', () => {
    const metrics = createMetrics();
    metrics.error('ERR_HANDLER', 'chat.said');
    metrics.error('ERR_HANDLER', 'chat.left');
    metrics.error('ERR_INVALID_PAYLOAD', 'chat.said');
    metrics.error('ERR_DECODE');
    expect(metrics.snapshot().errors).toEqual({
      total: 4,
      byName: { ERR_HANDLER: 2, ERR_INVALID_PAYLOAD: 1, ERR_DECODE: 1 },
      byType: { 'chat.said': 2, 'chat.left': 1 },
    });
  });

  it.each([
    [[1_000]],
    [[1_001, 1_999]],
    [[5_000, 5_001]],
    [[1e9, 1e9 + 1, 1.5e9]],
    [[0, 1_000_000]],
    [[0.001]],
    [[1_024.5, 1_024.5, 1_024.5]],
  ])('has no percentile outside of the smallest and the largest of %j', (values) => {
    const metrics = createMetrics();
    for (const value of values) metrics.time('ack', value);
    const { min, max, p50, p95, p99 } = metrics.snapshot().times.ack;
    expect([min, max]).toEqual([Math.min(...values), Math.max(...values)]);
    for (const percentile of [p50, p95, p99]) expect([percentile >= min, percentile <= max]).toEqual([true, true]);
  });

  it.each([
    [
      [3, 1_000],
      [3, 1_000, 1_000],
    ],
    [
      [...Array<number>(9).fill(10), 1_000],
      [10, 1_000, 1_000],
    ],
    [
      [...Array<number>(47).fill(10), 500, 700, 1_000],
      [10, 500, 1_000],
    ],
    [
      [...Array<number>(94).fill(10), 400, 500, 600, 700, 1_000],
      [10, 400, 1_000],
    ],
    [
      [...Array<number>(99).fill(0), 1_000],
      [0, 0, 0],
    ],
  ])('has percentiles by the nearest rank: of %j they are %j', (values, expected) => {
    const metrics = createMetrics();
    for (const value of values) metrics.time('ack', value);
    const { p50, p95, p99 } = metrics.snapshot().times.ack;
    expect([p50, p95, p99].map((value, index) => isNear(value, expected[index]!))).toEqual([true, true, true]);
  });

  it('ignores invalid durations', () => {
    const metrics = createMetrics();
    [-5, NaN, 0, 3].forEach((value) => metrics.time('queue', value));
    const { queue } = metrics.snapshot().times;
    expect(queue).toMatchObject({ count: 4, sum: 3, min: 0, max: 3, p50: 0 });
  });

  it('contains its start and end', () => {
    const scheduler = new VirtualTimeScheduler();
    scheduler.frame = 5;
    const metrics = createMetrics({ scheduler });
    scheduler.frame = 8;
    expect(metrics.snapshot()).toMatchObject({ since: 5, at: 8 });
  });

  it('begins at zero after a reset', () => {
    const scheduler = new VirtualTimeScheduler();
    const metrics = createMetrics({ scheduler });
    const fresh = metrics.snapshot();
    metrics.message('sent', 'a', 1);
    metrics.time('ack', 1);
    metrics.error('a');
    scheduler.frame = 7;
    metrics.reset();
    expect(metrics.snapshot()).toEqual({ ...fresh, since: 7, at: 7 });
    metrics.message('sent', 'b', 1);
    expect(metrics.snapshot().sent.byName).toEqual({ b: 1 });
  });

  it('emits a snapshot every 10 s by default, while it has a subscriber', () => {
    const scheduler = new VirtualTimeScheduler();
    const metrics = createMetrics({ scheduler });
    scheduler.maxFrames = 40_000;
    const often = record(metrics.snapshots(4_000));
    const { values, subscription } = record(metrics.snapshots());
    metrics.message('sent', 'a', 1);
    scheduler.schedule(() => metrics.message('sent', 'a', 1), 15_000);
    scheduler.schedule(() => subscription.unsubscribe(), 25_000);
    scheduler.flush();
    expect(values.map(({ at, sent }) => [at, sent.total])).toEqual([
      [10_000, 1],
      [20_000, 2],
    ]);
    expect(often.values).toHaveLength(10);
  });

  it('keeps snapshots as they were', () => {
    const metrics = createMetrics();
    const before = metrics.snapshot();
    metrics.message('sent', 'a', 1);
    expect([before.sent.total, before.sent.byName]).toEqual([0, {}]);
  });

  describe('100,000 message types', () => {
    it('are counted together, but for the first 200', () => {
      const metrics = createMetrics();
      for (let index = 0; index < 300; index++) metrics.message('received', `type.${index}`, 1);
      metrics.message('received', 'type.5', 1);
      metrics.message('received', 'type.299', 1);
      const { total, byName } = metrics.snapshot().received;
      expect([total, Object.keys(byName).length]).toEqual([302, 201]);
      expect([byName['type.5'], byName['type.199'], byName['type.200'], byName['other']]).toEqual([2, 1, undefined, 101]);
    });

    it('adds a type that is called other to the others', () => {
      const metrics = createMetrics({ maxNames: 1 });
      ['other', 'a', 'b'].forEach((type) => metrics.message('sent', type, 1));
      expect(metrics.snapshot().sent).toMatchObject({ total: 3, byName: { other: 3 } });
    });

    it('has no label for a name that is too long to be one', () => {
      const metrics = createMetrics();
      metrics.error('x'.repeat(129));
      expect(metrics.snapshot().errors.byName).toEqual({ other: 1 });
    });

    it('is not fooled by names of Object.prototype', () => {
      const metrics = createMetrics();
      ['__proto__', 'constructor', 'toString'].forEach((type) => metrics.message('sent', type, 1));
      const { byName } = metrics.snapshot().sent;
      expect(Object.entries(byName)).toEqual([
        ['__proto__', 1],
        ['constructor', 1],
        ['toString', 1],
      ]);
      expect(byName['hasOwnProperty']).toBeUndefined();
    });

    it('stay under 1 MiB with their codes, and values of all magnitudes', () => {
      const held = retained(() => {
        const metrics = createMetrics();
        for (let index = 0; index < 100_000; index++) {
          metrics.message(index % 2 === 0 ? 'sent' : 'received', `type.number.${index}`, 2 ** ((index % 2_000) - 1_000));
          metrics.error(`code ${index}`, `type.number.${index}`);
          metrics.time('endToEnd', index);
          metrics.drop(`reason ${index}`);
          metrics.time('ack', 1.01 ** (index % 5_000));
        }
        return metrics;
      });
      expect(held).toBeLessThan(2 ** 20);
    });
  });

  it('refuses numbers out of range', () => {
    expect(() => createMetrics({ maxNames: 0 })).toThrow(new RangeError('createMetrics: "maxNames" must be > 0, got 0'));
    expect(() => createMetrics().snapshots(0)).toThrow(new RangeError('snapshots: "period" must be > 0, got 0'));
  });
});
