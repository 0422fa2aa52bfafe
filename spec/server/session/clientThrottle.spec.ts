import { VirtualTimeScheduler } from 'rxjs';
import { ReceiveProgress } from '../../../lib/core/receiveProgress.js';
import { ClientThrottle } from '../../../lib/server/session/clientThrottle.js';
import { createRates } from '../../../lib/server/limits/rateLimit.js';

const progress = new ReceiveProgress();

/** Returns the throttle of a client that may send 5 messages at once, and 10 a second, with 5 in flight. */
function start(owner?: string) {
  const scheduler = new VirtualTimeScheduler();
  const seen: (number | string)[] = [];
  const client = {
    release: (number: number) => void seen.push(number),
    reportError: () => void seen.push('dropped'),
    flooded: () => void seen.push('flooded'),
  };
  const throttle = new ClientThrottle(client, createRates({ perSecond: 10, burst: 10 }, 5, scheduler), owner, scheduler);
  const pass = (until: number): void => {
    scheduler.maxFrames = until;
    scheduler.flush();
    scheduler.frame = until;
  };
  return { throttle, seen, pass, scheduler };
}

describe('ClientThrottle', () => {
  it('releases the acks of messages at the rate of the client', () => {
    const { throttle, seen, pass } = start();
    for (let number = 1; number <= 8; number++) throttle.processed(number, progress, undefined);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    pass(100);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
    pass(1_000);
    expect([seen, throttle.released]).toEqual([[1, 2, 3, 4, 5, 6, 7, 8], 8]);
  });

  it('releases all that wait when the client sends no more', () => {
    const { throttle, seen, pass, scheduler } = start();
    for (let number = 1; number <= 7; number++) throttle.processed(number, progress, undefined);
    throttle.end();
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
    pass(1_000);
    expect([scheduler.actions.length, throttle.allows()]).toEqual([0, true]);
  });

  it('drops messages without numbers above the rate, and gives up a client that does not slow down', () => {
    const { throttle, seen } = start();
    const admitted = Array.from({ length: 11 }, () => throttle.allows());
    expect(admitted.filter(Boolean)).toHaveLength(5);
    expect(seen).toEqual([...Array.from({ length: 6 }, () => 'dropped'), 'flooded']);
  });

  it('releases nothing more after the end of the session', () => {
    const { throttle, seen, pass } = start('ann');
    for (let number = 1; number <= 6; number++) throttle.processed(number, progress, undefined);
    throttle.leave();
    pass(10_000);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });
});
