import { VirtualTimeScheduler } from 'rxjs';
import { ConnectionLostError } from '../../lib/errors.js';
import { heartbeat } from '../../lib/session/heartbeat.js';
import { record } from '../support/record.js';

const EVERY = 100;

/** A heartbeat of 100 ms, and when it has asked. */
function start(options: { readonly isWaiting?: () => boolean } = {}) {
  const scheduler = new VirtualTimeScheduler();
  const pings: number[] = [];
  let heard = true;
  const wasHeard = (): boolean => {
    const was = heard;
    heard = false;
    return was;
  };
  const ping = (): void => void pings.push(scheduler.now());
  const beat = record(heartbeat({ every: EVERY, wasHeard, isWaiting: () => false, ping, scheduler, ...options }));
  const hearAt = (...times: readonly number[]): void => times.forEach((time) => scheduler.schedule(() => (heard = true), time));
  const runTo = (time: number): void => {
    scheduler.maxFrames = time;
    scheduler.flush();
  };
  return { pings, beat, hearAt, runTo };
}

describe('heartbeat', () => {
  it('asks when the other side was not heard for an interval, and fails when it was not for two', async () => {
    const { pings, beat, runTo } = start();
    runTo(249);
    expect(pings).toEqual([150, 200]);
    expect(beat.isOver()).toBe(false);
    runTo(250);
    expect(await beat.ended).toEqual(new ConnectionLostError(4411, 'not heard for 200 ms'));
  });

  it('finds a silence within two and a half intervals, whenever it begins', async () => {
    const { beat, hearAt, runTo } = start();
    hearAt(40, 80, 101);
    runTo(350);
    expect(await beat.ended).toBeInstanceOf(ConnectionLostError);
    expect(350 - 101).toBeLessThanOrEqual(2.5 * EVERY);
  });

  it('asks nobody who is heard', () => {
    const { pings, beat, hearAt, runTo } = start();
    hearAt(...Array.from({ length: 20 }, (_, index) => index * 60));
    runTo(1_000);
    expect(pings).toEqual([]);
    expect(beat.isOver()).toBe(false);
  });

  it('is content with an answer', () => {
    const { pings, beat, hearAt, runTo } = start();
    hearAt(160);
    runTo(340);
    expect(pings).toEqual([150, 300]);
    expect(beat.isOver()).toBe(false);
  });

  it('asks as well when something is not acked', () => {
    const { pings, hearAt, runTo } = start({ isWaiting: () => true });
    hearAt(0, 40, 90, 140);
    runTo(150);
    expect(pings).toEqual([50, 100, 150]);
  });
});
