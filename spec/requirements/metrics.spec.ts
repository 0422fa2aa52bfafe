import { Subject, take, toArray, lastValueFrom } from 'rxjs';
import { meter, meterWire } from '../../lib/operators/metrics/meter.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { createMetrics } from '../../lib/adapters/metrics/index.js';
import { retained } from '../bench/bench.js';
import { socketPair } from '../support/socketPair.js';

const message = (type: string, payload: unknown = null): Message => createMessage<string, unknown>(type, payload);

describe('R6 metrics', () => {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  /** A wire over a real socket: what one side sends and the other receives is measured, and what the wire tells of itself. */
  async function metered() {
    const metrics = createMetrics();
    const { wire, cut, close } = await socketPair((served) => void served.pipe(meter(metrics)).subscribe(), { maxQueued: 10 });
    cleanups.push(close);
    meterWire(wire, metrics, { queueTimes: true });
    const outgoing$ = new Subject<Message>();
    outgoing$.pipe(meter(metrics, { direction: 'sent' })).subscribe((one) => wire.next(one));
    /** Resolves when all are processed. */
    const send = async (...messages: readonly Message[]): Promise<void> => {
      messages.forEach((one) => outgoing$.next(one));
      await wire.send(message('last'));
    };
    return { metrics, wire, cut, send, outgoing$ };
  }

  it('counters: sent, received, errors; total and per type', async () => {
    const { metrics, send } = await metered();
    await send(
      message('a'),
      message('b'),
      message('a'),
      message('c', () => 'no codec carries this'),
    );
    const { sent, received, errors } = metrics.snapshot();
    expect(sent).toMatchObject({ total: 4, byName: { a: 2, b: 1, c: 1 } });
    expect(received).toMatchObject({ total: 4, byName: { a: 2, b: 1, last: 1 } });
    expect(errors).toMatchObject({ total: 1, byName: { ERR_ENCODE: 1 }, byType: { c: 1 } });
  });

  it('histograms: of size and latency, with count, sum, min, max, mean, p50, p95, p99', async () => {
    const { metrics, send } = await metered();
    for (let size = 1; size <= 100; size++) await send(message('a', 'x'.repeat(size)));
    const { sent, times } = metrics.snapshot();
    const { count, sum, min, max, mean, p50, p95, p99 } = sent.size;
    expect({ count, sum, min, max, mean }).toEqual({ count: 100, sum: 5_050, min: 1, max: 100, mean: 50.5 });
    // Exact to 1 %.
    [p50, p95, p99].forEach((value, index) => expect(Math.abs(value / [50, 95, 99][index]! - 1)).toBeLessThanOrEqual(0.01));
    expect(times.ack.count).toBe(100); // one ack for the message and the last one
    expect(times.endToEnd.count).toBe(200);
    expect(times.ack.min).toBeLessThanOrEqual(times.ack.p50);
    expect(times.ack.p50).toBeLessThanOrEqual(times.ack.p99);
  });

  it('ack latency, queue age, reconnect time, drops', async () => {
    const { metrics, cut, send, outgoing$, wire } = await metered();
    await send(message('a'));
    cut();
    while (wire.state.status === 'connected') await new Promise(setImmediate);
    for (let n = 0; n < 15; n++) outgoing$.next(message('b'));
    await wire.send(message('c'));
    const { times, drops } = metrics.snapshot();
    expect(times.ack.count).toBeGreaterThanOrEqual(2);
    expect(times.queue.count).toBeGreaterThanOrEqual(2);
    expect(times.reconnect.count).toBe(1);
    expect(drops).toEqual({ total: 6, byName: { overflow: 6 } });
  });

  it('snapshot, stream of snapshots, reset', async () => {
    const { metrics, send } = await metered();
    const stream = lastValueFrom(metrics.snapshots(5).pipe(take(2), toArray()));
    await send(message('a'));
    const before = metrics.snapshot();
    metrics.reset();
    await send();
    expect([before.received.total, metrics.snapshot().received.total]).toEqual([2, 1]);
    expect((await stream).map(({ at, since }) => at >= since)).toEqual([true, true]);
  });

  it('bounded memory, whatever the input', async () => {
    const held = retained(() => {
      const metrics = createMetrics();
      for (let n = 0; n < 1_000_000; n++) {
        metrics.message(n % 2 === 0 ? 'sent' : 'received', `type.${n}`, n);
      }
      return metrics;
    });
    expect(held).toBeLessThan(2 ** 20);
    const { metrics, send } = await metered();
    await send(...Array.from({ length: 8 }, (_, n) => message(`t${n}`)));
    expect(Object.keys(metrics.snapshot().sent.byName)).toHaveLength(8);
  }, 30_000);
});
