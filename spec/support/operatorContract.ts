import { jest } from '@jest/globals';
import { concat, EMPTY, finalize, from, NEVER, of, Subject, take, throwError, type Observable, type OperatorFunction } from 'rxjs';

export interface ContractOptions<T> {
  /** Makes the values that go in; index 0, 1, 2, … @default the index itself */
  readonly value?: (index: number) => T;
  /**
   * One operator for each callback of the user's: given a function that throws, it must deliver that as an error after two values of a
   * source that stays open. Compose it with `pipe` where the callback needs more than that (an error, a full buffer).
   */
  readonly throwing?: Readonly<Record<string, (fail: () => never) => OperatorFunction<T, unknown>>>;
  /** False for an operator that handles the source's error instead of passing it through. @default true */
  readonly passesError?: boolean;
}

/** More values than any operator may take from a source before it emits. */
const LIMIT = 10_000;

/** Long enough for every wait that an operator under contract may have, in ms. */
const LONG = 60_000;

/**
 * Registers the tests that every operator passes. They run on fake timers, so that the default scheduler needs no time; the operator
 * must emit something for two values and a completion, and something synchronously for {@link LIMIT} values.
 */
export function operatorContract<T>(makeOperator: () => OperatorFunction<T, unknown>, options: ContractOptions<T> = {}): void {
  const { value = (index) => index as T, throwing = {}, passesError = true } = options;
  const values = (): Observable<T> => of(value(0), value(1));

  describe('keeps the operator contract', () => {
    beforeEach(() => void jest.useFakeTimers({ now: 0 }));
    afterEach(() => void jest.useRealTimers());

    it('never: stays silent, without a timer', async () => {
      const { seen } = record(NEVER.pipe(makeOperator()));
      expect(jest.getTimerCount()).toBe(0);
      await jest.advanceTimersByTimeAsync(LONG);
      expect(seen).toEqual([]);
    });

    it('empty: completes at once', () => {
      expect(record(EMPTY.pipe(makeOperator())).seen).toEqual(['complete']);
      expect(jest.getTimerCount()).toBe(0);
    });

    if (passesError) {
      it('error: passes it through', async () => {
        const boom = new Error('boom');
        const { seen } = record(
          concat(
            values(),
            throwError(() => boom),
          ).pipe(makeOperator()),
        );
        await jest.advanceTimersByTimeAsync(LONG);
        expect(seen.at(-1)).toEqual({ error: boom });
        expect(jest.getTimerCount()).toBe(0);
      });
    }

    it('unsubscribe: leaves the source and no scheduled work', async () => {
      const source = new Subject<T>();
      const { seen, subscription } = record(source.pipe(makeOperator()));
      expect(source.observed).toBe(true);
      source.next(value(0));
      source.next(value(1));
      const before = seen.length;

      subscription.unsubscribe();
      expect(source.observed).toBe(false);
      expect(jest.getTimerCount()).toBe(0);
      await jest.advanceTimersByTimeAsync(LONG);
      expect(seen).toHaveLength(before);
    });

    it('take(1): stops an infinite synchronous source', () => {
      const released = jest.fn();
      const endless = from(endlessly(value)).pipe(finalize(released));
      const { seen } = record(endless.pipe(makeOperator(), take(1)));
      expect(seen).toEqual([{ next: expect.anything() }, 'complete']);
      expect(released).toHaveBeenCalledTimes(1);
      expect(jest.getTimerCount()).toBe(0);
    });

    it('subscribed twice, one after the other: starts afresh', async () => {
      const result = values().pipe(makeOperator());
      const first = record(result).seen;
      await jest.advanceTimersByTimeAsync(LONG);
      jest.setSystemTime(0);
      const second = record(result).seen;
      await jest.advanceTimersByTimeAsync(LONG);

      expect(first.length).toBeGreaterThan(1);
      expect(second).toEqual(first);
    });

    it('subscribed twice at once: shares no state', async () => {
      const source = new Subject<T>();
      const result = source.pipe(makeOperator());
      const [first, second] = [record(result).seen, record(result).seen];
      source.next(value(0));
      source.next(value(1));
      source.complete();
      await jest.advanceTimersByTimeAsync(LONG);

      expect(first.length).toBeGreaterThan(1);
      expect(second).toEqual(first);
    });

    for (const [callback, makeThrowing] of Object.entries(throwing)) {
      it(`delivers a throw of "${callback}" as an error`, async () => {
        const boom = new Error('boom');
        const released = jest.fn();
        const fail = (): never => {
          throw boom;
        };
        const { seen } = record(concat(values(), NEVER).pipe(finalize(released), makeThrowing(fail)));
        await jest.advanceTimersByTimeAsync(LONG);

        const { error } = seen.at(-1) as { error: Error };
        expect(error.cause ?? error).toBe(boom);
        expect(released).toHaveBeenCalledTimes(1);
        expect(jest.getTimerCount()).toBe(0);
      });
    }
  });
}

type Seen = 'complete' | { readonly next: unknown } | { readonly error: unknown };

function record(source: Observable<unknown>) {
  const seen: Seen[] = [];
  const subscription = source.subscribe({
    next: (next) => seen.push({ next }),
    error: (error: unknown) => seen.push({ error }),
    complete: () => seen.push('complete'),
  });
  return { seen, subscription };
}

/** Ends with an error where a real endless source would hang the process. */
function* endlessly<T>(value: (index: number) => T): Generator<T> {
  for (let index = 0; index < LIMIT; index++) yield value(index);
  throw new Error(`the source was not stopped within ${LIMIT} values`);
}
