import { AckTracker } from '../../../lib/session/receive/ackTracker.js';

describe('AckTracker', () => {
  it('begins before the first message', () => {
    const tracker = new AckTracker();
    expect([tracker.done, tracker.has(0), tracker.has(1)]).toEqual([0, true, false]);
  });

  it('is the finished prefix, whatever the order', () => {
    const tracker = new AckTracker();
    const steps = [2, 4, 1, 1, 3, 6, 5].map((number) => {
      tracker.mark(number);
      return tracker.done;
    });
    expect(steps).toEqual([0, 0, 2, 2, 4, 4, 6]);
  });

  it('continues at a cursor', () => {
    const tracker = new AckTracker({ done: 7, finished: [9, 10] });
    expect([7, 8, 9, 10, 11].map((number) => tracker.has(number))).toEqual([true, false, true, true, false]);
    tracker.mark(8);
    expect(tracker.done).toBe(10);
  });

  it('returns the next state, and does not change', () => {
    const tracker = new AckTracker({ done: 1, finished: [5] });
    expect(tracker.cursorWith([2, 4])).toEqual({ done: 2, finished: [4, 5] });
    expect(tracker.cursorWith([8, 3, 2])).toEqual({ done: 3, finished: [5, 8] });
    expect(tracker.cursorWith([4, 3, 2])).toEqual({ done: 5, finished: [] });
    expect(tracker.cursorWith([])).toEqual({ done: 1, finished: [5] });
    expect(tracker.done).toBe(1);
  });

  it('is not changed by messages without a number', () => {
    const tracker = new AckTracker({ done: 1, finished: [3] });
    tracker.mark(0);
    expect(tracker.cursorWith([0])).toEqual({ done: 1, finished: [3] });
    expect(tracker.done).toBe(1);
  });
});
