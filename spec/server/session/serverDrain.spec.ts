import { VirtualTimeScheduler } from 'rxjs';
import { drain, type Drained } from '../../../lib/server/session/serverDrain.js';

interface Options {
  readonly isPaced: boolean;
  readonly drainTimeout?: number;
  readonly needs?: number;
  readonly retryAfter?: number;
  readonly random?: number;
}

/** Drains sessions, each of which needs some time after its bye, and notes when each gets its bye and leaves. */
function drained(count: number, options: Options) {
  const scheduler = new VirtualTimeScheduler();
  const [byes, leaves, givenUp]: [number[], number[], number[]] = [[], [], []];
  const delays = new Set<number>();
  let endedAt: number | undefined;
  const sessions = Array.from({ length: count }, (): Drained => {
    let byeAt = Infinity;
    return {
      bye(retryAfter) {
        byes.push((byeAt = scheduler.now()));
        delays.add(retryAfter);
      },
      isDrained: () => scheduler.now() >= byeAt + (options.needs ?? 0),
      end: () => leaves.push(scheduler.now()),
      endDrain: () => givenUp.push(scheduler.now()),
    };
  });
  const { isPaced, drainTimeout = 1_000, retryAfter = 0, random = 0 } = options;
  drain(sessions, { retryAfter, drainTimeout, random: () => random, scheduler, isPaced }).subscribe({
    complete: () => (endedAt = scheduler.now()),
  });
  scheduler.flush();
  return { byes, leaves, givenUp, endedAt, delays: [...delays] };
}

describe('drain', () => {
  it('sends all byes at once, and lets each session go when it was found drained twice', () => {
    expect(drained(3, { isPaced: false })).toEqual({ byes: [0, 0, 0], leaves: [40, 40, 40], givenUp: [], endedAt: 40, delays: [0] });
  });

  it.each([
    ['up to twice the time, for few clients', 3, 1_500],
    ['up to a further millisecond for each, for many', 10_000, 6_000],
  ])('lets the clients return after %s', (_, count, delay) => {
    expect(drained(count, { isPaced: false, retryAfter: 1_000, random: 0.5 }).delays).toEqual([delay]);
    expect(drained(count, { isPaced: true, retryAfter: 0, random: 0.5 }).delays).toEqual([0]);
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
