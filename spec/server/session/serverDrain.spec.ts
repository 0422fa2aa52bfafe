import { VirtualTimeScheduler } from 'rxjs';
import { drain, type Drained } from '../../../lib/server/session/serverDrain.js';

/** Drains sessions, each of which needs some time after its bye, and notes when each gets its bye and leaves. */
function drained(count: number, options: { readonly isPaced: boolean; readonly drainTimeout?: number; readonly needs?: number }) {
  const scheduler = new VirtualTimeScheduler();
  const [byes, leaves, givenUp]: [number[], number[], number[]] = [[], [], []];
  let endedAt: number | undefined;
  const sessions = Array.from({ length: count }, (): Drained => {
    let byeAt = Infinity;
    return {
      bye: () => byes.push((byeAt = scheduler.now())),
      isDrained: () => scheduler.now() >= byeAt + (options.needs ?? 0),
      leave: () => leaves.push(scheduler.now()),
      endDrain: () => givenUp.push(scheduler.now()),
    };
  });
  const { isPaced, drainTimeout = 1_000 } = options;
  drain(sessions, { retryAfter: 0, drainTimeout, random: () => 0, scheduler, isPaced }).subscribe({
    complete: () => (endedAt = scheduler.now()),
  });
  scheduler.flush();
  return { byes, leaves, givenUp, endedAt };
}

describe('drain', () => {
  it('sends all byes at once, and lets each session go when it was found drained twice', () => {
    expect(drained(3, { isPaced: false })).toEqual({ byes: [0, 0, 0], leaves: [40, 40, 40], givenUp: [], endedAt: 40 });
  });

  it('lets the sessions leave by and by in a cluster, at least four between two checks', () => {
    const { byes, leaves, endedAt } = drained(10, { isPaced: true });
    expect(byes).toEqual([0, 0, 0, 0, 20, 20, 20, 20, 40, 40]);
    expect([leaves.at(-1), endedAt]).toEqual([80, 80]);
  });

  it('has sent all byes in half of the time, however many sessions there are', () => {
    const { byes, givenUp } = drained(10_000, { isPaced: true });
    expect([byes.length, givenUp]).toEqual([10_000, []]);
    expect(byes.at(-1)).toBeLessThanOrEqual(500);
  });

  it('ends the remaining sessions after the timeout, including those whose bye has not arrived', () => {
    const { givenUp, endedAt } = drained(300, { isPaced: true, drainTimeout: 100, needs: 1_000 });
    expect([givenUp.length, endedAt]).toEqual([300, 100]);
  });
});
