import { throwError, VirtualTimeScheduler } from 'rxjs';
import { linearDelay } from '../../lib/operators/retryBackoff.js';
import { connect } from '../../lib/wire/connect.js';
import type { ReconnectOptions } from '../../lib/wire/session/reconnect.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { socketPair } from '../support/socketPair.js';

describe('R2 transports', () => {
  /** The delays before the first seven retries of a wire that never connects, in ms. */
  function delaysOf(reconnect: ReconnectOptions): readonly number[] {
    const scheduler = new VirtualTimeScheduler(undefined, Infinity);
    const wire = connect({ link: () => throwError(() => new Error('refused')), scheduler, reconnect });
    const delays: number[] = [];
    wire.state$.subscribe(({ nextAttemptAt, reconnectAttempts }) => {
      if (nextAttemptAt !== undefined && reconnectAttempts === delays.length + 1) delays.push(Math.round(nextAttemptAt - scheduler.now()));
      if (delays.length === 7) wire.unsubscribe();
    });
    wire.subscribe();
    scheduler.flush();
    return delays;
  }

  it('a wire reconnects with exponential backoff by default: from 0.5 to 30 s, and each delay has full jitter', () => {
    const exponential = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000];
    expect(delaysOf({ random: () => 0.5 })).toEqual(exponential.map((delay) => delay / 2));
    expect(delaysOf({ random: () => 0 })).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(delaysOf({ random: () => 0.999_999 })).toEqual(exponential);
  });

  it('a wire reconnects with linear or custom backoff', () => {
    expect(delaysOf({ jitter: 0, backoffDelay: linearDelay })).toEqual([500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500]);
    expect(delaysOf({ jitter: 0, maxInterval: 40, backoffDelay: (iteration) => iteration ** 2 })).toEqual([0, 1, 4, 9, 16, 25, 36]);
  });

  it('a wire has all its attempts again after a connection that made progress', async () => {
    const { wire, cut, close } = await socketPair((served) => void served.subscribe(), {
      reconnect: { initialInterval: 10, jitter: 0, maxRetries: 2 },
    });
    // Without a reset, the third cut would be the end.
    for (let round = 0; round < 5; round++) {
      await wire.send(createMessage('note', round));
      cut();
      while (wire.state.status === 'connected') await new Promise(setImmediate);
    }
    expect((await wire.send(createMessage('note', 'last'))).status).toBe('acked');
    await close();
  });

  it('the end-to-end latency is far below 100 ms', async () => {
    const arrivals: number[] = [];
    const { wire, close } = await socketPair((served) => void served.subscribe(({ timestamp }) => arrivals.push(Date.now() - timestamp)));
    for (let round = 0; round < 100; round++) await wire.send(createMessage('note', round));
    await close();
    const median = arrivals.sort((a, b) => a - b)[50]!;
    expect([arrivals.length, median < 20]).toEqual([100, true]);
  });
});
