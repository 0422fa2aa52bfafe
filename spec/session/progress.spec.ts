import { createProgress, cursorWith } from '../../lib/session/progress.js';

describe('progress', () => {
  it('begins before the first message', () => {
    const progress = createProgress('ann');
    expect([progress.pid, progress.done, progress.has(0), progress.has(1)]).toEqual(['ann', 0, true, false]);
  });

  it('is the finished prefix, whatever the order', () => {
    const progress = createProgress('ann');
    const steps = [2, 4, 1, 1, 3, 6, 5].map((number) => {
      progress.mark(number);
      return progress.done;
    });
    expect(steps).toEqual([0, 0, 2, 2, 4, 4, 6]);
  });

  it('goes on where a cursor is', () => {
    const progress = createProgress('ann', { done: 7, finished: [9, 10] });
    expect([7, 8, 9, 10, 11].map(progress.has)).toEqual([true, false, true, true, false]);
    progress.mark(8);
    expect(progress.done).toBe(10);
  });

  it('tells how it would be, and stays as it is', () => {
    const progress = createProgress('ann', { done: 1, finished: [5] });
    expect(cursorWith(progress, [2, 4])).toEqual({ done: 2, finished: [4, 5] });
    expect(cursorWith(progress, [8, 3, 2])).toEqual({ done: 3, finished: [5, 8] });
    expect(cursorWith(progress, [4, 3, 2])).toEqual({ done: 5, finished: [] });
    expect(cursorWith(progress, [])).toEqual({ done: 1, finished: [5] });
    expect(progress.done).toBe(1);
  });

  it('is not moved by what has no number', () => {
    const progress = createProgress('ann', { done: 1, finished: [3] });
    progress.mark(0);
    expect(cursorWith(progress, [0])).toEqual({ done: 1, finished: [3] });
    expect(progress.done).toBe(1);
  });
});
