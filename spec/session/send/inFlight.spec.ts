import { asyncScheduler, noop } from 'rxjs';
import { hole, InFlight } from '../../../lib/session/send/inFlight.js';
import { PendingMessages } from '../../../lib/session/send/pendingMessages.js';

describe('InFlight', () => {
  it('forgets the rejections of numbers without messages, when these numbers are acked', () => {
    const pending = new PendingMessages({ report: noop, isWatched: () => false, onDead: noop });
    const inFlight = new InFlight(pending, asyncScheduler, () => 'json');
    inFlight.attach({ sendBatch: noop, sendFrame: noop }, 0, { window: 10, bytes: 1_000 });
    inFlight.add(hole(1, 3));
    inFlight.flush();
    inFlight.reject([2, 3].map((number) => ({ number, kind: 'refused', code: 'ERR_ANY', reason: '' })));
    inFlight.acknowledge({ kind: 'ack', done: 2, credit: 10, delay: 0 });
    expect(inFlight.hasRejections()).toBe(true);
    inFlight.acknowledge({ kind: 'ack', done: 3, credit: 10, delay: 0 });
    expect(inFlight.hasRejections()).toBe(false);
  });
});
