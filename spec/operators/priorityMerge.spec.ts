import { jest } from '@jest/globals';
import { array, assert, integer, property, record } from 'fast-check';
import {
  concat,
  defer,
  EMPTY,
  finalize,
  from,
  lastValueFrom,
  map,
  NEVER,
  of,
  range,
  Subject,
  take,
  throwError,
  timer,
  toArray,
  UnsubscriptionError,
  type Observable,
} from 'rxjs';
import { MessagePriority } from '../../lib/message/messagePriority.js';
import { priorityMerge } from '../../lib/operators/priorityMerge.js';
import { operatorContract } from '../support/operatorContract.js';

/** Inner streams that the test ends by hand, by the value they are for. */
function createWork() {
  const running = new Map<unknown, Subject<unknown>>();
  return {
    start: (value: unknown): Observable<unknown> => {
      const inner = new Subject<unknown>();
      running.set(value, inner);
      return inner.pipe(finalize(() => running.delete(value)));
    },
    end: (value: unknown): void => {
      running.get(value)?.next(value);
      running.get(value)?.complete();
    },
    running: (): unknown[] => [...running.keys()],
  };
}

describe('priorityMerge', () => {
  operatorContract(() => priorityMerge((value: unknown) => of(value)), {
    throwing: {
      project: (fail) => priorityMerge(fail),
      priority: (fail) => priorityMerge(() => NEVER, { concurrency: 1, priority: fail }),
      onDrop: (fail) => priorityMerge(() => NEVER, { concurrency: 1, maxAge: 1, onDrop: fail }),
    },
  });

  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it('runs 4 at once by default', () => {
    const work = createWork();
    range(0, 10).pipe(priorityMerge(work.start)).subscribe();
    expect(work.running()).toEqual([0, 1, 2, 3]);
    work.end(2);
    expect(work.running()).toEqual([0, 1, 3, 4]);
  });

  it('lets 1,000 wait for 60 s by default, and drops the oldest', () => {
    const dropped: unknown[] = [];
    const onDrop = (value: number, reason: string): unknown => dropped.push([value, reason]);
    const subscription = range(0, 1_005)
      .pipe(priorityMerge(() => NEVER, { onDrop }))
      .subscribe();
    expect(dropped).toEqual([[4, 'overflow']]);
    expect(jest.getTimerCount()).toBe(1);

    jest.advanceTimersByTime(59_999);
    expect(dropped).toHaveLength(1);
    jest.advanceTimersByTime(1);
    expect(dropped).toHaveLength(1_001);
    expect(dropped.slice(1, 3)).toEqual([
      [5, 'expired'],
      [6, 'expired'],
    ]);
    expect(jest.getTimerCount()).toBe(0);
    subscription.unsubscribe();
  });

  it('uses the priority of a message, and NORMAL without one', () => {
    const work = createWork();
    const values = [
      { priority: MessagePriority.LOW },
      {},
      null,
      'text',
      { priority: MessagePriority.NORMAL },
      { priority: MessagePriority.HIGH },
    ];
    const merged: unknown[] = [];
    concat(of('first'), from(values))
      .pipe(priorityMerge(work.start, { concurrency: 1 }))
      .subscribe((value) => merged.push(value));
    while (work.running().length > 0) work.end(work.running()[0]);
    expect(merged).toEqual(['first', values[5], values[1], values[2], values[3], values[4], values[0]]);
  });

  it('passes the index to project, counted as they start', async () => {
    const project = (letter: string, index: number): string[] => [`${letter}${index}`];
    expect(await lastValueFrom(of('a', 'b').pipe(priorityMerge(project), toArray()))).toEqual(['a0', 'b1']);
  });

  it('starts the next when the one before has been torn down', () => {
    const log: string[] = [];
    const project = (name: string): Observable<never> =>
      defer(() => {
        log.push(`open ${name}`);
        return name === 'a' ? timer(5).pipe(map((): never => undefined as never)) : EMPTY;
      }).pipe(finalize(() => log.push(`close ${name}`)));
    of('a', 'b', 'c')
      .pipe(priorityMerge(project, { concurrency: 1 }))
      .subscribe();
    jest.runAllTimers();
    expect(log).toEqual(['open a', 'close a', 'open b', 'close b', 'open c', 'close c']);
  });

  it('waits for a promise as for any inner stream', async () => {
    const project = (value: number): Promise<number> => Promise.resolve(2 * value);
    expect(await lastValueFrom(of(1, 2, 3).pipe(priorityMerge(project, { concurrency: 1 }), toArray()))).toEqual([2, 4, 6]);
  });

  it('does not recurse through inner streams that complete at once', async () => {
    const count = 100_000;
    const blocker = new Subject<number>();
    const merged = lastValueFrom(
      range(0, count).pipe(
        priorityMerge((value) => (value === 0 ? blocker : of(value)), { concurrency: 1, maxSize: count }),
        toArray(),
      ),
    );
    blocker.complete();
    expect(await merged).toHaveLength(count - 1);
    expect(
      await lastValueFrom(
        range(0, count).pipe(
          priorityMerge((value) => of(value), { concurrency: 1 }),
          toArray(),
        ),
      ),
    ).toHaveLength(count);
  });

  it('leaves the rest when a subscriber leaves in the middle of it', () => {
    const blocker = new Subject<never>();
    const [started, dropped]: [unknown[], unknown[]] = [[], []];
    const project = (value: number): Observable<number> => {
      started.push(value);
      return value === 0 ? blocker : of(value);
    };
    range(0, 5)
      .pipe(priorityMerge(project, { concurrency: 1, onDrop: (value, reason) => dropped.push([value, reason]) }), take(2))
      .subscribe();
    blocker.complete();
    expect(started).toEqual([0, 1, 2]);
    expect(dropped).toEqual([
      [3, 'closed'],
      [4, 'closed'],
    ]);
  });

  describe('when a subscriber feeds the source', () => {
    it('adds re-entrant values behind those of equal priority, and loses nothing', () => {
      const source = new Subject<number>();
      const merged: number[] = [];
      const blocker = new Subject<never>();
      source.pipe(priorityMerge((value) => (value === 0 ? blocker : of(value)), { concurrency: 1 })).subscribe((value) => {
        if (value < 100) source.next(value + 100);
        merged.push(value);
      });
      [0, 1, 2, 3].forEach((value) => source.next(value));
      blocker.complete();
      expect(merged).toEqual([1, 2, 3, 101, 102, 103]);
      source.next(4);
      expect(merged.slice(6)).toEqual([4, 104]);
    });

    it('starts a waiting value before one that is added at the end of an inner stream', () => {
      const source = new Subject<string>();
      const work = createWork();
      const merged: unknown[] = [];
      source
        .pipe(priorityMerge((value) => (value.startsWith('slow') ? work.start(value) : of(value)), { concurrency: 2 }))
        .subscribe((value) => {
          if (value === 'a') {
            work.end('slow 2');
            source.next('c');
          }
          merged.push(value);
        });
      ['slow 1', 'slow 2', 'a', 'b'].forEach((value) => source.next(value));
      work.end('slow 1');
      expect(merged).toEqual(['slow 1', 'slow 2', 'a', 'b', 'c']);
    });

    it('completes when it completes the source while values wait', () => {
      const source = new Subject<number>();
      const seen: unknown[] = [];
      const blocker = new Subject<never>();
      source.pipe(priorityMerge((value) => (value === 0 ? blocker : of(value)), { concurrency: 1 })).subscribe({
        next: (value) => {
          source.complete();
          seen.push(value);
        },
        complete: () => seen.push('complete'),
      });
      [0, 1, 2].forEach((value) => source.next(value));
      blocker.complete();
      expect(seen).toEqual([1, 2, 'complete']);
    });
  });

  it('starts no value that waited too long while timers were late', () => {
    const work = createWork();
    const dropped: unknown[] = [];
    of('a', 'b', 'c')
      .pipe(priorityMerge(work.start, { concurrency: 1, maxAge: 10, onDrop: (value, reason) => dropped.push([value, reason]) }))
      .subscribe();
    jest.spyOn(performance, 'now').mockReturnValue(10);
    work.end('a');
    expect(dropped).toEqual([
      ['b', 'expired'],
      ['c', 'expired'],
    ]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('has one timer for all that waits', () => {
    const work = createWork();
    const source = new Subject<string>();
    const dropped: unknown[] = [];
    const subscription = source
      .pipe(priorityMerge(work.start, { concurrency: 1, maxAge: 10, onDrop: (value) => dropped.push([value, Date.now()]) }))
      .subscribe();
    source.next('a');
    expect(jest.getTimerCount()).toBe(0);
    for (const value of ['b', 'c', 'd']) {
      source.next(value);
      jest.advanceTimersByTime(3);
      expect(jest.getTimerCount()).toBe(1);
    }
    work.end('a');
    jest.advanceTimersByTime(20);
    expect(work.running()).toEqual(['b']);
    expect(dropped).toEqual([
      ['c', 13],
      ['d', 16],
    ]);
    subscription.unsubscribe();
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each(['overflow', 'expired'])('ends when onDrop throws for a value that is %s, and does not call it again', (reason) => {
    const boom = new Error('boom');
    const onDrop = jest.fn<() => void>(() => {
      throw boom;
    });
    const error = jest.fn();
    range(0, 4)
      .pipe(priorityMerge(() => NEVER, { concurrency: 1, maxSize: reason === 'overflow' ? 1 : 9, maxAge: 5, onDrop }))
      .subscribe({ error });
    jest.advanceTimersByTime(5);
    expect(onDrop.mock.calls).toEqual([[1, reason]]);
    expect(error.mock.calls).toEqual([[boom]]);
  });

  it('ends when onDrop throws as the next should start', () => {
    const work = createWork();
    const onDrop = jest.fn<() => void>(() => {
      throw new Error('boom');
    });
    const error = jest.fn();
    range(0, 4)
      .pipe(priorityMerge(work.start, { concurrency: 1, maxAge: 5, onDrop }))
      .subscribe({ error });
    jest.spyOn(performance, 'now').mockReturnValue(5);
    work.end(0);
    expect(onDrop).toHaveBeenCalledTimes(1);
    expect(error.mock.calls).toEqual([[new Error('boom')]]);
    expect(work.running()).toEqual([]);
  });

  it('throws an exception of onDrop from unsubscribe, as finalize does', () => {
    const onDrop = (): never => {
      throw new Error('boom');
    };
    const subscription = of(1, 2)
      .pipe(priorityMerge(() => NEVER, { concurrency: 1, onDrop }))
      .subscribe();
    expect(() => subscription.unsubscribe()).toThrow(UnsubscriptionError);
  });

  it('tears all down when an inner stream fails', () => {
    const boom = new Error('boom');
    const torn = jest.fn();
    const error = jest.fn();
    const source = new Subject<number>();
    source
      .pipe(priorityMerge((value) => (value === 2 ? throwError(() => boom) : NEVER.pipe(finalize(torn))), { concurrency: 3 }))
      .subscribe({ error });
    [0, 1, 2].forEach((value) => source.next(value));
    expect(error.mock.calls).toEqual([[boom]]);
    expect(torn).toHaveBeenCalledTimes(2);
    expect(source.observed).toBe(false);
  });

  it('behaves as a plain array', () => {
    const step = record({ priority: integer({ min: 0, max: 3 }), ends: integer({ min: 0, max: 3 }) });
    const limits = record({ concurrency: integer({ min: 1, max: 3 }), maxSize: integer({ min: 1, max: 5 }) });
    assert(
      property(array(step, { maxLength: 60 }), limits, (steps, { concurrency, maxSize }) => {
        const work = createWork();
        const source = new Subject<number>();
        const dropped: number[] = [];
        const priority = (index: number): number => steps[index]!.priority;
        source.pipe(priorityMerge(work.start, { concurrency, maxSize, priority, onDrop: (index) => dropped.push(index) })).subscribe();

        const [running, waiting, lost]: [number[], number[], number[]] = [[], [], []];
        const urgent = (): number[] => waiting.filter((index) => priority(index) === Math.max(...waiting.map(priority)));
        steps.forEach(({ ends }, index) => {
          source.next(index);
          if (running.length < concurrency) running.push(index);
          else if (waiting.push(index) > maxSize) lost.push(...waiting.splice(0, 1));
          for (let count = 0; count < ends && running.length > 0; count++) {
            work.end(running[0]);
            running.shift();
            const [next] = urgent();
            if (next !== undefined) running.push(...waiting.splice(waiting.indexOf(next), 1));
          }
          expect(work.running()).toEqual(running);
          expect(dropped).toEqual(lost);
        });
      }),
    );
  });

  it.each(['concurrency', 'maxSize', 'maxAge'])('refuses a %s that is not positive when called', (option) => {
    for (const value of [0, -1, NaN]) {
      expect(() => priorityMerge((value) => [value], { [option]: value })).toThrow(
        new RangeError(`priorityMerge: "${option}" must be > 0, got ${value}`),
      );
    }
  });
});
