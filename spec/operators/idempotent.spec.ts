import { concat, lastValueFrom, NEVER, of, Subject, tap, throwError, toArray, VirtualTimeScheduler, type Observable } from 'rxjs';
import { memoryResults, type ResultStore } from '../../lib/operators/buffers/resultStore.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { idempotent, type IdempotentOptions } from '../../lib/operators/idempotent.js';
import { operatorContract } from '../support/operatorContract.js';
import { record } from '../support/record.js';

const boom = new Error('boom');
const key = (letter: string): string => letter;

/** A handler that answers `a1`, `b2`, …: it counts how often it was called. */
function counting() {
  let calls = 0;
  return { handler: (letter: string): Observable<string> => of(`${letter}${++calls}`), calls: (): number => calls };
}

/** What comes of these requests, one after the other. */
const answers = (letters: string, handler: (letter: string) => Observable<string>, options: Partial<IdempotentOptions<string>> = {}) =>
  lastValueFrom(of(...letters.split('')).pipe(idempotent(handler, { key, ...options }), toArray()));

describe('idempotent', () => {
  operatorContract(() => idempotent((value: number) => of(value), { key: String }), {
    throwing: {
      handler: (fail) => idempotent(fail, { key: String }),
      key: (fail) => idempotent((value) => of(value), { key: fail }),
      'store.get': (fail) => idempotent((value) => of(value), { key: String, store: { get: fail, put: () => undefined } }),
      'store.put': (fail) => idempotent((value) => of(value), { key: String, store: { get: () => undefined, put: fail } }),
    },
  });

  it('answers a repeat with the first result, and does not run the handler again', async () => {
    const { handler, calls } = counting();
    expect(await answers('abab', handler)).toEqual(['a1', 'b2', 'a1', 'b2']);
    expect(calls()).toBe(2);
  });

  it('takes the id of a message as its key', async () => {
    const [first, again] = [createMessage('a.b', 1, { id: '1' }), createMessage('a.b', 2, { id: '1' })];
    const results$ = of(first, again).pipe(
      idempotent(({ payload }) => of(payload)),
      toArray(),
    );
    expect(await lastValueFrom(results$)).toEqual([1, 1]);
  });

  it('fails for an undefined key, as that of a value without an id', async () => {
    const { handler, calls } = counting();
    const unnamed = of({}, {}).pipe(idempotent(handler as never, { key: undefined as never }));
    await expect(lastValueFrom(unnamed)).rejects.toEqual(new TypeError('idempotent: the key of a value is undefined; pass "key"'));
    expect(calls()).toBe(0);
  });

  it('remembers all values of a handler, and that there were none', async () => {
    const seen: string[] = [];
    const handler = (letter: string): Observable<string> => {
      seen.push(letter);
      return letter === 'a' ? of('a', 'b', 'c') : of();
    };
    expect(await answers('a0a0', handler)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(seen).toEqual(['a', '0']);
  });

  it('remembers for 5 minutes and 10,000 results by default', () => {
    const scheduler = new VirtualTimeScheduler();
    const { handler, calls } = counting();
    const source = new Subject<string>();
    source.pipe(idempotent(handler, { key, scheduler })).subscribe();
    const isRun = (letter: string): boolean => {
      const before = calls();
      source.next(letter);
      return calls() > before;
    };
    expect([isRun('first'), isRun('first')]).toEqual([true, false]);
    scheduler.frame = 299_999;
    expect(isRun('first')).toBe(false);
    scheduler.frame = 300_000;
    expect([isRun('first'), isRun('first')]).toEqual([true, false]);
    for (let index = 1; index < 10_000; index++) source.next(String(index));
    expect(isRun('first')).toBe(false);
    source.next('10000');
    expect(isRun('first')).toBe(true);
  });

  describe('while the handler runs', () => {
    function running() {
      const source = new Subject<string>();
      const work: Subject<string>[] = [];
      const left: number[] = [];
      const handler = (): Observable<string> => {
        const one = new Subject<string>();
        const index = work.push(one) - 1;
        return one.pipe(tap({ unsubscribe: () => left.push(index) }));
      };
      return { source, work, left, result: record(source.pipe(idempotent(handler, { key }))) };
    }

    it('shares its result with repeats, including earlier values', () => {
      const { source, work, result } = running();
      source.next('a');
      work[0]!.next('one');
      source.next('a');
      work[0]!.next('two');
      work[0]!.complete();
      source.next('a');
      expect(work).toHaveLength(1);
      expect(result.values).toEqual(['one', 'one', 'two', 'two', 'one', 'two']);
    });

    it('fails all subscribers that share it, and no others', async () => {
      const { source, work, left, result } = running();
      source.next('a');
      source.next('a');
      source.next('b');
      work[0]!.error(boom);
      expect(await result.ended).toBe(boom);
      expect([left, source.observed]).toEqual([[1], false]);
    });

    it('answers a repeat that its own result has caused', () => {
      const source = new Subject<string>();
      const { handler, calls } = counting();
      const seen: string[] = [];
      source.pipe(idempotent(handler, { key })).subscribe((one) => {
        seen.push(one);
        if (seen.length < 3) source.next('a');
      });
      source.next('a');
      expect([seen, calls()]).toEqual([['a1', 'a1', 'a1'], 1]);
    });
  });

  describe('with a store', () => {
    it('finds results that others have stored, and stores results for others', async () => {
      const store = memoryResults();
      store.put('b', ['stored']);
      const { handler } = counting();
      expect(await answers('ab', handler, { store })).toEqual(['a1', 'stored']);
      expect(store.get('a')).toEqual(['a1']);
      expect(await answers('a', handler, { store })).toEqual(['a1']);
    });

    it('shares running work among its subscriptions, until the last one unsubscribes', () => {
      const work = new Subject<string>();
      let calls = 0;
      const once = idempotent(
        () => {
          calls++;
          return work;
        },
        { key, store: memoryResults() },
      );
      const [first, second] = [record(of('a').pipe(once)), record(of('a').pipe(once))];
      first.subscription.unsubscribe();
      work.next('one');
      expect([calls, first.values, second.values]).toEqual([1, [], ['one']]);
      second.subscription.unsubscribe();
      expect(work.observed).toBe(false);
      record(of('a').pipe(once));
      expect(calls).toBe(2);
    });

    it('does not remember an error', async () => {
      const store = memoryResults();
      let isBad = true;
      const handler = (letter: string): Observable<string> => {
        if (!isBad) return of(letter);
        isBad = false;
        return concat(
          of('half'),
          throwError(() => boom),
        );
      };
      const once = idempotent(handler, { key, store });
      const first = record(of('a').pipe(once));
      expect([first.values, await first.ended]).toEqual([['half'], boom]);
      expect(await lastValueFrom(of('a').pipe(once))).toBe('a');
    });

    it('waits for an asynchronous store: repeats share the lookup, and the stream completes after the result is stored', () => {
      const found = new Subject<unknown>();
      const stored = new Subject<void>();
      const { handler, calls } = counting();
      const store: ResultStore = { get: () => found, put: () => stored };
      const result = record(of('a', 'a').pipe(idempotent(handler, { key, store })));
      expect(calls()).toBe(0);
      found.next(undefined);
      expect([result.values, result.isOver()]).toEqual([['a1', 'a1'], false]);
      stored.next();
      expect(result.isOver()).toBe(true);
    });

    it('remembers nothing of a handler that was left', () => {
      const store = memoryResults();
      record(of('a').pipe(idempotent(() => concat(of('half'), NEVER), { key, store }))).subscription.unsubscribe();
      expect(store.get('a')).toBeUndefined();
    });
  });

  it.each(['ttl', 'maxSize'])('refuses a %s that is not positive when called', (option) => {
    expect(() => idempotent(() => of(1), { [option]: 0 })).toThrow(new RangeError(`idempotent: "${option}" must be > 0, got 0`));
  });
});
