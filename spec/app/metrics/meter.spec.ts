import { concat, of, throwError, toArray, lastValueFrom } from 'rxjs';
import { meter } from '../../../lib/app/metrics/meter.js';
import type { MetricsSink } from '../../../lib/app/metrics/metricsSink.js';
import { payloadSize } from '../../../lib/app/metrics/meter.js';
import { WireClosedError } from '../../../lib/errors.js';
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

  it('counts what passes, by direction and type, and changes nothing', async () => {
    const { sink, calls } = recordingSink();
    const messages = [message('abc'), message('de', 'spec.other')];
    expect(await lastValueFrom(of(...messages).pipe(meter(sink), meter(sink, { direction: 'sent' }), toArray()))).toEqual(messages);
    expect(calls).toEqual([
      ['message', 'received', 'spec.any', 3],
      ['message', 'sent', 'spec.any', 3],
      ['message', 'received', 'spec.other', 2],
      ['message', 'sent', 'spec.other', 2],
    ]);
  });

  it('measures as it is told to', () => {
    const { sink, calls } = recordingSink();
    of(message({ some: 'thing' }))
      .pipe(meter(sink, { size: ({ type }) => type.length }))
      .subscribe();
    expect(calls).toEqual([['message', 'received', 'spec.any', 8]]);
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
    expect(calls.at(-1)).toEqual(['error', code]);
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

  it('takes no time for what is large or deep', () => {
    const deep = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as unknown;
    expect(payloadSize(deep)).toBe(0);
    expect(payloadSize(Array.from({ length: 1e6 }, () => 'ab'))).toBe(64 * 2);
    const endless: unknown[] = [];
    endless.push(endless);
    expect(payloadSize(endless)).toBe(0);
  });
});
