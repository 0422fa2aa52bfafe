import { concat, of, throwError, toArray, lastValueFrom, VirtualTimeScheduler } from 'rxjs';
import { meter, type MeterOptions, payloadSize } from '../../../lib/operators/metrics/meter.js';
import type { MetricsSink } from '../../../lib/operators/metrics/metricsSink.js';
import { HandlerError, WireClosedError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { operatorContract } from '../../support/operatorContract.js';
import { record } from '../../support/record.js';
import { recordingSink } from '../../support/recordingSink.js';

const silent: MetricsSink = { message: () => undefined, error: () => undefined, drop: () => undefined, time: () => undefined };
const message = (payload: unknown, type = 'spec.any'): Message => createMessage(type, payload);

describe('meter', () => {
  operatorContract<Message>(() => meter(silent), {
    value: message,
    throwing: {
      size: (fail) => meter(silent, { size: fail }),
      metrics: (fail) => meter({ ...silent, message: fail }),
    },
  });

  it('counts messages by direction and type, and changes none', async () => {
    const { sink, calls } = recordingSink();
    const messages = [message('abc'), message('de', 'spec.other')];
    expect(await lastValueFrom(of(...messages).pipe(meter(sink), meter(sink, { direction: 'sent' }), toArray()))).toEqual(messages);
    expect(calls.filter(([name]) => name === 'message')).toEqual([
      ['message', 'received', 'spec.any', 3],
      ['message', 'sent', 'spec.any', 3],
      ['message', 'received', 'spec.other', 2],
      ['message', 'sent', 'spec.other', 2],
    ]);
  });

  it('uses the configured size function', () => {
    const { sink, calls } = recordingSink();
    of(message({ some: 'thing' }))
      .pipe(meter(sink, { size: ({ type }) => type.length }))
      .subscribe();
    expect(calls[0]).toEqual(['message', 'received', 'spec.any', 8]);
  });

  describe('the end-to-end latency', () => {
    const at = (timestamp: unknown): Message => ({ ...message(null), timestamp: timestamp as number });
    /** What is measured at the time 1,000. */
    const measured = (messages: readonly Message[], options: MeterOptions<Message> = {}): readonly unknown[] => {
      const { sink, of: calls } = recordingSink();
      const scheduler = new VirtualTimeScheduler();
      scheduler.frame = 1_000;
      of(...messages)
        .pipe(meter(sink, { ...options, scheduler }))
        .subscribe();
      return calls('time');
    };

    it('is the time from the timestamp of a received message to its receipt', () => {
      expect(measured([at(1_000), at(990), at(0)])).toEqual([
        ['time', 'endToEnd', 0],
        ['time', 'endToEnd', 10],
        ['time', 'endToEnd', 1_000],
      ]);
    });

    it('is 0 when the clock of the sender is ahead', () => {
      expect(measured([at(5_000)])).toEqual([['time', 'endToEnd', 0]]);
    });

    it('is not measured for messages that are sent, nor without a timestamp', () => {
      expect(measured([at(990)], { direction: 'sent' })).toEqual([]);
      expect(measured([at(undefined), at('1970'), at(NaN)])).toEqual([]);
    });
  });

  it('counts an error by the type of its message, if the error has one', async () => {
    const { sink, calls } = recordingSink();
    const error = new HandlerError({ id: 'a', type: 'chat.said' }, 1, new Error('no'));
    await record(throwError(() => error).pipe(meter(sink))).ended;
    expect(calls).toEqual([['error', 'ERR_HANDLER', 'chat.said']]);
  });

  it.each([
    [new WireClosedError('a'), 'ERR_WIRE_CLOSED'],
    [Object.assign(new Error('gone'), { code: 'ECONNRESET' }), 'ECONNRESET'],
    [new RangeError('too far'), 'RangeError'],
    ['a text', 'unknown'],
    [undefined, 'unknown'],
  ])('counts the error %s by %s', async (error, code) => {
    const { sink, calls } = recordingSink();
    const result = record(
      concat(
        of(message('a')),
        throwError(() => error),
      ).pipe(meter(sink)),
    );
    expect(await result.ended).toBe(error);
    expect(calls.at(-1)).toEqual(['error', code, undefined]);
  });
});

describe('the estimate of a size', () => {
  it.each([
    ['text', 4],
    [Uint8Array.of(1, 2, 3), 3],
    [null, 4],
    [undefined, 4],
    [42, 4],
    [{ name: 'ab' }, 10],
    [['ab', 'cd'], 4],
    [{ a: { b: [1, 2] } }, 18],
    [[], 0],
  ])('of %j is %i', (payload, size) => {
    expect(payloadSize(payload)).toBe(size);
  });

  it('is near to the size of the text', () => {
    const payload = { executionId: 'execution-1', sandboxId: 'sandbox-1', data: 'x'.repeat(200), stream: 'stdout' };
    const exact = JSON.stringify(payload).length;
    expect(Math.abs(payloadSize(payload) - exact) / exact).toBeLessThan(0.1);
  });

  it('limits the time for large or deep payloads', () => {
    const deep = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as unknown;
    expect(payloadSize(deep)).toBe(0);
    expect(payloadSize(Array.from({ length: 1e6 }, () => 'ab'))).toBe(64 * 2);
    const endless: unknown[] = [];
    endless.push(endless);
    expect(payloadSize(endless)).toBe(0);
  });
});
