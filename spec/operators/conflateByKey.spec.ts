import { finalize, lastValueFrom, NEVER, of, range, Subject, take, toArray, UnsubscriptionError, type Observable } from 'rxjs';
import { conflateByKey } from '../../lib/operators/conflateByKey.js';
import { operatorContract } from '../support/operatorContract.js';
import { record } from '../support/record.js';

const boom = new Error('boom');
/** The lower and the upper case of a letter have the same key. */
const letterOf = (item: string): string => item.toLowerCase();
const same = (): string => 'same';

/** A consumer that ends its work by hand, by the value it is for. */
function createWork<T>() {
  const running = new Map<T, Subject<T>>();
  return {
    start: (value: T): Observable<T> => {
      const inner = new Subject<T>();
      running.set(value, inner);
      return inner.pipe(finalize(() => running.delete(value)));
    },
    end: (value: T): void => {
      running.get(value)?.next(value);
      running.get(value)?.complete();
    },
    running: (): readonly T[] => [...running.keys()],
  };
}

describe('conflateByKey', () => {
  operatorContract(() => conflateByKey(String, (value: number) => of(value)), {
    throwing: {
      key: (fail) => conflateByKey(fail, (value) => of(value)),
      project: (fail) => conflateByKey(String, fail),
      onDrop: (fail) => conflateByKey(String, () => NEVER, { onDrop: fail, maxKeys: 0.5 }),
    },
  });

  it('lets 10,000 keys wait by default, one at work', () => {
    const dropped: unknown[] = [];
    const work = createWork<number>();
    const { subscription } = record(
      range(0, 10_003).pipe(conflateByKey(String, work.start, { onDrop: (value, reason) => dropped.push([value, reason]) })),
    );
    expect(work.running()).toEqual([0]);
    expect(dropped).toEqual([
      [1, 'overflow'],
      [2, 'overflow'],
    ]);
    subscription.unsubscribe();
  });

  it('passes the index to project, counted as they start', async () => {
    const project = (letter: string, index: number): string[] => [`${letter}${index}`];
    expect(await lastValueFrom(of('a', 'b', 'a').pipe(conflateByKey(letterOf, project), toArray()))).toEqual(['a0', 'b1', 'a2']);
  });

  it('starts the newest value, however many came before it', () => {
    const work = createWork<number>();
    const source = new Subject<number>();
    const dropped: unknown[] = [];
    const result = record(source.pipe(conflateByKey(same, work.start, { onDrop: (value, reason) => dropped.push([value, reason]) })));
    for (let value = 0; value < 5; value++) source.next(value);
    work.end(0);
    expect(work.running()).toEqual([4]);
    work.end(4);
    expect(result.values).toEqual([0, 4]);
    expect(dropped).toEqual([1, 2, 3].map((value) => [value, 'conflated']));
  });

  it('never runs two of one key at once, whatever the concurrency', () => {
    const work = createWork<string>();
    const source = new Subject<string>();
    record(source.pipe(conflateByKey(letterOf, work.start, { concurrency: Infinity })));
    ['a', 'A', 'b', 'B'].forEach((letter) => source.next(letter));
    expect(work.running()).toEqual(['a', 'b']);
    work.end('b');
    expect(work.running()).toEqual(['a', 'B']);
    work.end('a');
    expect(work.running()).toEqual(['B', 'A']);
  });

  it('takes keys for equal as a Map does', () => {
    const work = createWork<string>();
    const source = new Subject<readonly [string, unknown]>();
    record(
      source.pipe(
        conflateByKey(
          ([, key]) => key,
          ([name]) => work.start(name),
          { concurrency: Infinity },
        ),
      ),
    );
    [NaN, NaN, 1, null, 'null', 0, -0].forEach((key, index) => source.next([String(index), key]));
    expect(work.running()).toEqual(['0', '2', '3', '4', '5']);
  });

  it('fails for an undefined key, and drops what waits', async () => {
    const dropped: string[] = [];
    const values = of({ kind: 'a' }, { kind: 'b' }, {});
    const conflated = values.pipe(
      conflateByKey(
        ({ kind }: { readonly kind?: string }) => kind,
        () => NEVER,
        { onDrop: ({ kind }, reason) => dropped.push(`${kind} ${reason}`) },
      ),
    );
    await expect(lastValueFrom(conflated)).rejects.toEqual(new TypeError('conflateByKey: the key of a value is undefined; pass "key"'));
    expect(dropped).toEqual(['b closed']);
  });

  it('accepts a dropped key again, behind the others', () => {
    const work = createWork<string>();
    const source = new Subject<string>();
    const { values } = record(source.pipe(conflateByKey(letterOf, work.start, { maxKeys: 2 })));
    ['x', 'a', 'b', 'c', 'A'].forEach((letter) => source.next(letter)); // c drops a, then A drops b
    while (work.running().length > 0) work.end(work.running()[0]!);
    expect(values).toEqual(['x', 'c', 'A']);
  });

  it('completes when all that waits is through', () => {
    const work = createWork<string>();
    const result = record(of('a', 'b', 'A').pipe(conflateByKey(letterOf, work.start)));
    work.end('a');
    work.end('b');
    expect(result.isOver()).toBe(false);
    work.end('A');
    expect([result.values, result.isOver()]).toEqual([['a', 'b', 'A'], true]);
  });

  it('does not recurse through inner streams that complete at once', async () => {
    const blocker = new Subject<number>();
    const project = (value: number): Observable<number> => (value === 0 ? blocker : of(value));
    const all = lastValueFrom(range(0, 10_000).pipe(conflateByKey(String, project), toArray()));
    blocker.complete();
    expect(await all).toHaveLength(9_999);
  });

  describe('when a subscriber feeds the source', () => {
    it('conflates re-entrant values with waiting ones', () => {
      const source = new Subject<string>();
      const work = createWork<string>();
      const seen: string[] = [];
      source.pipe(conflateByKey(letterOf, work.start)).subscribe((letter) => {
        if (letter === 'a') source.next('B');
        seen.push(letter);
      });
      ['a', 'b', 'c'].forEach((letter) => source.next(letter));
      while (work.running().length > 0) work.end(work.running()[0]!);
      expect(seen).toEqual(['a', 'B', 'c']);
    });

    it('starts a re-entrant value of a running key when its inner stream has ended', () => {
      const source = new Subject<string>();
      const seen: string[] = [];
      source.pipe(conflateByKey(letterOf, (letter) => of(letter))).subscribe((letter) => {
        if (letter === 'a') ['A', 'b'].forEach((added) => source.next(added));
        seen.push(letter);
      });
      source.next('a');
      expect(seen).toEqual(['a', 'b', 'A']);
    });
  });

  it('leaves the rest when a subscriber leaves in the middle of it', () => {
    const blocker = new Subject<string>();
    const dropped: unknown[] = [];
    of('a', 'b', 'c', 'd')
      .pipe(
        conflateByKey(letterOf, (letter) => (letter === 'a' ? blocker : of(letter)), {
          onDrop: (value, reason) => dropped.push([value, reason]),
        }),
        take(1),
      )
      .subscribe();
    blocker.complete();
    expect(dropped).toEqual([
      ['c', 'closed'],
      ['d', 'closed'],
    ]);
  });

  it('ends when onDrop throws, and does not call it again', async () => {
    let calls = 0;
    const onDrop = (): never => {
      calls++;
      throw boom;
    };
    const result = record(of('a', 'b', 'A').pipe(conflateByKey(letterOf, () => NEVER, { onDrop, maxKeys: 1 })));
    expect(result.isOver()).toBe(false);
    const other = record(of('a', 'A', 'b', 'c', 'd').pipe(conflateByKey(letterOf, () => NEVER, { onDrop, maxKeys: 1 })));
    expect([await other.ended, calls]).toEqual([boom, 1]);
    expect(() => result.subscription.unsubscribe()).toThrow(UnsubscriptionError);
  });

  it.each(['concurrency', 'maxKeys'])('refuses a %s that is not positive when called', (option) => {
    expect(() => conflateByKey(String, () => NEVER, { [option]: 0 })).toThrow(
      new RangeError(`conflateByKey: "${option}" must be > 0, got 0`),
    );
  });
});
