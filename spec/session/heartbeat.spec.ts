import { Subject, VirtualTimeScheduler } from 'rxjs';
import { ConnectionLostError } from '../../lib/errors.js';
import { heartbeat } from '../../lib/session/heartbeat.js';
import { record } from '../support/record.js';

const EVERY = 100;

/** A heartbeat of 100 ms, and when it has asked. */
function start({
  isWaiting = () => false,
  quiet = 0,
  checkedAt = 0,
}: { readonly isWaiting?: () => boolean; readonly quiet?: number; readonly checkedAt?: number } = {}) {
  const scheduler = new VirtualTimeScheduler();
  const woken$ = new Subject<void>();
  let slept = 0;
  scheduler.now = () => scheduler.frame + slept;
  const pings: number[] = [];
  const silence = { isHeard: quiet === 0, quiet, hasAsked: false, checkedAt };
  const ping = (): void => void pings.push(scheduler.frame);
  const beat = record(heartbeat({ every: EVERY, silence, isWaiting, ping, woken$, scheduler }));
  const hearAt = (...times: readonly number[]): void => times.forEach((time) => scheduler.schedule(() => (silence.isHeard = true), time));
  const runTo = (time: number): void => {
    scheduler.maxFrames = time;
    scheduler.flush();
  };
  /** From `time` on all timers are late by so much: what they call the time is when they were due. */
  const sleepAt = (time: number, duration: number): void => void scheduler.schedule(() => (slept += duration), time);
  const wakeAt = (...times: readonly number[]): void => times.forEach((time) => scheduler.schedule(() => woken$.next(), time));
  return { pings, beat, hearAt, sleepAt, wakeAt, runTo };
}

describe('heartbeat', () => {
  it('pings when the other side was silent for an interval, and fails after two', async () => {
    const { pings, beat, runTo } = start();
    runTo(249);
    expect(pings).toEqual([150, 200]);
    expect(beat.isOver()).toBe(false);
    runTo(250);
    expect(await beat.ended).toEqual(new ConnectionLostError(4411, 'the peer was silent for 200 ms'));
  });

  it('finds a silence within two and a half intervals, whenever it begins', async () => {
    const { beat, hearAt, runTo } = start();
    hearAt(40, 80, 101);
    runTo(350);
    expect(await beat.ended).toBeInstanceOf(ConnectionLostError);
    expect(350 - 101).toBeLessThanOrEqual(2.5 * EVERY);
  });

  it('sends no ping to a side that sends frames', () => {
    const { pings, beat, hearAt, runTo } = start();
    hearAt(...Array.from({ length: 20 }, (_, index) => index * 60));
    runTo(1_000);
    expect(pings).toEqual([]);
    expect(beat.isOver()).toBe(false);
  });

  it('continues a silence that began before', async () => {
    const { pings, beat, runTo } = start({ quiet: 2 });
    runTo(99);
    expect([pings, beat.isOver()]).toEqual([[50], false]);
    runTo(100);
    expect(await beat.ended).toBeInstanceOf(ConnectionLostError);
  });

  it('checks half an interval after the last check of a heartbeat before it', () => {
    const { pings, runTo } = start({ quiet: 1, checkedAt: -30 });
    runTo(20);
    expect(pings).toEqual([20]);
  });

  it('is content with an answer', () => {
    const { pings, beat, hearAt, runTo } = start();
    hearAt(160);
    runTo(340);
    expect(pings).toEqual([150, 300]);
    expect(beat.isOver()).toBe(false);
  });

  it('also pings when a message is not acked', () => {
    const { pings, hearAt, runTo } = start({ isWaiting: () => true });
    hearAt(0, 40, 90, 140);
    runTo(150);
    expect(pings).toEqual([50, 100, 150]);
  });

  describe('of a process that was suspended', () => {
    it('pings first, and fails only after an interval or more for an answer, for any earlier count', async () => {
      const { pings, beat, sleepAt, runTo } = start();
      // One look more, and it would have failed.
      sleepAt(210, 3_600_000);
      runTo(399);
      expect(pings).toEqual([150, 200, 250, 300, 350]);
      expect(beat.isOver()).toBe(false);
      runTo(400);
      expect(await beat.ended).toEqual(new ConnectionLostError(4411, 'the peer was silent for 200 ms'));
    });

    it('continues when frames that arrived in the meantime are read only then', () => {
      const { beat, sleepAt, hearAt, runTo } = start();
      sleepAt(210, 3_600_000);
      hearAt(251, 340, 440, 540);
      runTo(600);
      expect(beat.isOver()).toBe(false);
    });

    it('finds a silence all the same where each timer is late, as in a hidden tab', async () => {
      const { pings, beat, sleepAt, runTo } = start();
      for (let time = 1; time < 1_000; time += 50) sleepAt(time, 60_000);
      runTo(249);
      expect([pings, beat.isOver()]).toEqual([[100, 150, 200], false]);
      runTo(250);
      expect(await beat.ended).toMatchObject({ closeCode: 4411 });
    });

    it('does not treat a timer as late that is late by less than a check', async () => {
      const { pings, beat, sleepAt, runTo } = start();
      sleepAt(210, 49);
      runTo(250);
      expect([pings, await beat.ended]).toEqual([[150, 200], new ConnectionLostError(4411, 'the peer was silent for 200 ms')]);
    });

    it('pings at once when it is woken, and does not fail before an interval for an answer', async () => {
      const { pings, beat, wakeAt, runTo } = start();
      wakeAt(10, 249);
      runTo(349);
      expect([pings, beat.isOver()]).toEqual([[10, 150, 200, 249, 250, 300], false]);
      runTo(350);
      expect(await beat.ended).toMatchObject({ closeCode: 4411 });
    });

    it('excuses a silence once, however often it is woken', async () => {
      const { beat, wakeAt, runTo } = start();
      wakeAt(240, 290, 340, 390, 440);
      runTo(349);
      expect(beat.isOver()).toBe(false);
      runTo(350);
      expect(await beat.ended).toMatchObject({ closeCode: 4411 });
    });
  });
});
