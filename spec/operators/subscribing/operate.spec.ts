import { jest } from '@jest/globals';
import { Subject, take } from 'rxjs';
import { operate } from '../../../lib/operators/subscribing/operate.js';

describe('operate', () => {
  it('passes on all events of the source until the subscriber unsubscribes', () => {
    const source = new Subject<number>();
    const handlers = { next: jest.fn(), error: jest.fn(), complete: jest.fn() };
    const subscription = source.pipe(operate(() => handlers)).subscribe();
    source.next(1);
    subscription.unsubscribe();
    expect(handlers.next.mock.calls).toEqual([[1]]);
    expect(handlers.complete).not.toHaveBeenCalled();
    expect(source.observed).toBe(false);
  });

  it.each(['error', 'complete'] as const)('reports the %s of the source once', (end) => {
    const source = new Subject<number>();
    const handlers = { next: jest.fn(), error: jest.fn(), complete: jest.fn() };
    source.pipe(operate(() => handlers)).subscribe();
    source[end]('why');
    expect([handlers.error.mock.calls.length, handlers.complete.mock.calls.length]).toEqual(end === 'error' ? [1, 0] : [0, 1]);
  });

  it('starts afresh for each subscription', () => {
    const source = new Subject<number>();
    const counted = source.pipe(
      operate<number, number>((subscriber) => {
        let count = 0;
        return { next: () => subscriber.next(++count), error: jest.fn(), complete: () => subscriber.complete() };
      }),
    );
    const [first, second] = [jest.fn(), jest.fn()];
    counted.subscribe(first);
    counted.pipe(take(1)).subscribe(second);
    source.next(7);
    source.next(7);
    expect(first.mock.calls).toEqual([[1], [2]]);
    expect(second.mock.calls).toEqual([[1]]);
  });
});
