import { asyncScheduler, noop } from 'rxjs';
import type { SteadyScheduler } from '../../../lib/internal/steadyScheduler.js';
import type { Frame } from '../../../lib/link/link.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { hole, InFlight, type Batch } from '../../../lib/session/send/inFlight.js';
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

  it('sends no message that has expired, also when the date steps back before its batch goes out again', () => {
    let date = 2_000;
    const scheduler = Object.assign(Object.create(asyncScheduler) as SteadyScheduler, { now: () => 0, wallTime: () => date });
    const frames: unknown[] = [];
    const transport = { sendBatch: ({ first }: Batch) => frames.push(first), sendFrame: (frame: Frame) => frames.push(frame) };
    const pending = new PendingMessages({ report: noop, isWatched: () => false, onDead: noop });
    const inFlight = new InFlight(pending, scheduler, () => 'json');
    const message = createMessage('test.row', null, { timestamp: 0, ttl: 1_000 });
    pending.open(message);
    inFlight.add({
      first: 1,
      count: 1,
      frame: '["msg",1,1,[]]',
      messages: [message],
      delivery: 'at-least-once',
      mayExpire: true,
      sentAt: 0,
    });
    inFlight.attach(transport, 0, { window: 10, bytes: 1_000 });
    inFlight.flush();
    date = 500;
    inFlight.attach(transport, 0, { window: 10, bytes: 1_000 });
    inFlight.flush();
    expect(frames).toEqual(['["skip",[1]]', '["skip",[1]]']);
  });
});
