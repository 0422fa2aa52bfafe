import { jest } from '@jest/globals';
import { array, assert, boolean, constantFrom, integer, property, record } from 'fast-check';
import {
  asapScheduler,
  asyncScheduler,
  lastValueFrom,
  materialize,
  of,
  queueScheduler,
  share,
  Subject,
  toArray,
  VirtualTimeScheduler,
  type OperatorFunction,
} from 'rxjs';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { batchByKey, type Batch } from '../../lib/operators/batchByKey.js';
import { operatorContract } from '../support/operatorContract.js';

const identity = <T>(value: T): T => value;
const first = (text: string): string => text.slice(0, 1);
/** A batch as one word, to read: `x1 x2`. */
const words = (batches: readonly Batch<unknown, unknown>[]): string[] => batches.map(({ items }) => items.join(' '));

describe('batchByKey', () => {
  operatorContract(() => batchByKey(() => 'one'), { throwing: { key: (fail) => batchByKey(fail) } });
  operatorContract(() => batchByKey(identity, { maxKeys: 10, maxWait: 50 }));

  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => void jest.useRealTimers().restoreAllMocks());

  it('collects messages by type and target by default', async () => {
    const wave = (id: string, target?: string, type = 'chat.wave'): Message =>
      createMessage(type, null, { id, ...(target !== undefined && { target }) });
    const source = of(wave('a', 'ann'), wave('b', 'ben'), wave('c', 'ann'), wave('d'), wave('e', 'ann', 'chat.nod'), wave('f'));
    const batches = await lastValueFrom(source.pipe(batchByKey({ maxWait: 5 }), toArray()));
    expect(batches.map(({ key, items }) => [key, items.map(({ id }) => id).join('')])).toEqual([
      ['chat.wave:ann', 'ac'],
      ['chat.wave:ben', 'b'],
      ['chat.wave:', 'df'],
      ['chat.nod:ann', 'e'],
    ]);
    expect(await lastValueFrom(source.pipe(batchByKey(), toArray()))).toEqual(batches);
    expect(() => batchByKey({ maxSize: 0 })).toThrow(RangeError);
  });

  it('emits a batch when it is full, and the rest in the order of their first items', async () => {
    const batches = of('b1', 'a1', 'b2', 'c1', 'a2', 'b3').pipe(batchByKey(first, { maxSize: 2 }), toArray());
    expect(await lastValueFrom(batches)).toEqual([
      { key: 'b', items: ['b1', 'b2'] },
      { key: 'a', items: ['a1', 'a2'] },
      { key: 'c', items: ['c1'] },
      { key: 'b', items: ['b3'] },
    ]);
  });

  it('holds 100 items for 1 s and 10,000 keys by default', () => {
    const scheduler = new VirtualTimeScheduler();
    const source = new Subject<number>();
    const batches: Batch<number, number>[] = [];
    source.pipe(batchByKey((value) => Math.trunc(value), { scheduler })).subscribe((batch) => batches.push(batch));

    for (let count = 0; count < 100; count++) source.next(0.5);
    expect(batches.map(({ items }) => items.length)).toEqual([100]);
    for (let key = 1; key <= 10_000; key++) source.next(key);
    expect(batches).toHaveLength(1);
    source.next(10_001);
    expect(words(batches.slice(1))).toEqual(['1']);
    scheduler.flush();
    expect(batches).toHaveLength(10_002);
    expect(scheduler.now()).toBe(1_000);
  });

  it('emits the oldest batch early when one too many is open', () => {
    const source = new Subject<string>();
    const batches: Batch<string, string>[] = [];
    source.pipe(batchByKey(first, { maxKeys: 2 })).subscribe((batch) => batches.push(batch));
    ['a1', 'b1', 'a2', 'b2'].forEach((item) => source.next(item));
    expect(batches).toEqual([]);
    source.next('c1');
    expect(words(batches)).toEqual(['a1 a2']);
    source.next('a3');
    expect(words(batches)).toEqual(['a1 a2', 'b1 b2']);
  });

  it('compares keys as a Map does', async () => {
    const [one, two] = [{}, {}];
    const keys = [NaN, null, 0, one, null, NaN, -0, two, one];
    const batches = await lastValueFrom(of(...keys).pipe(batchByKey(identity), toArray()));
    expect(batches.map(({ key, items }) => [key, items.length])).toEqual([
      [NaN, 2],
      [null, 2],
      [0, 2],
      [one, 2],
      [two, 1],
    ]);
  });

  it.each([
    ['of a key function', batchByKey((item: { readonly nane?: string }) => item.nane as string)],
    ['of a value that is no message', batchByKey() as unknown as OperatorFunction<unknown, Batch<string, unknown>>],
  ])('fails for an undefined key, %s', async (_, operator) => {
    const fault = new TypeError('batchByKey: the key of a value is undefined; pass "key"');
    await expect(lastValueFrom(of({ name: 'a' }, { name: 'b' }).pipe(operator as OperatorFunction<unknown, unknown>))).rejects.toEqual(
      fault,
    );
  });

  it('emits open batches before the error of the source, or of the key', async () => {
    const boom = new Error('boom');
    const failing = (item: string): string => {
      if (item === '!') throw boom;
      return first(item);
    };
    const seen = await lastValueFrom(of('b1', 'a1', 'b2', '!', 'a2').pipe(batchByKey(failing), materialize(), toArray()));
    expect(seen).toMatchObject([
      { kind: 'N', value: { key: 'b', items: ['b1', 'b2'] } },
      { kind: 'N', value: { key: 'a', items: ['a1'] } },
      { kind: 'E', error: boom },
    ]);
  });

  describe('has one timer', () => {
    it('for all keys, and none while no batch is open', () => {
      const source = new Subject<string>();
      const batches: Batch<string, string>[] = [];
      source.pipe(batchByKey(first, { maxSize: 2, maxWait: 10 })).subscribe((batch) => batches.push(batch));
      expect(jest.getTimerCount()).toBe(0);
      ['a1', 'b1', 'c1'].forEach((item) => source.next(item));
      expect(jest.getTimerCount()).toBe(1);
      ['a2', 'b2'].forEach((item) => source.next(item));
      expect(jest.getTimerCount()).toBe(1);
      source.next('c2');
      expect(jest.getTimerCount()).toBe(0);

      source.next('d1');
      jest.advanceTimersByTime(10);
      expect(words(batches)).toEqual(['a1 a2', 'b1 b2', 'c1 c2', 'd1']);
      expect(jest.getTimerCount()).toBe(0);
    });

    it('and none for batches of one item', () => {
      const source = new Subject<string>();
      source.pipe(batchByKey(first, { maxSize: 1 })).subscribe();
      source.next('a1');
      expect(jest.getTimerCount()).toBe(0);
    });

    it('that waits longer than one timer can', () => {
      const maxWait = 2 ** 31 + 5;
      const source = new Subject<string>();
      const batches: Batch<string, string>[] = [];
      const schedule = jest.spyOn(asyncScheduler, 'schedule');
      source.pipe(batchByKey(first, { maxWait })).subscribe((batch) => batches.push(batch));
      source.next('a1');
      jest.advanceTimersByTime(maxWait - 1);
      expect(batches).toEqual([]);
      jest.advanceTimersByTime(1);
      expect(words(batches)).toEqual(['a1']);
      expect(schedule.mock.calls.map(([, delay]) => delay)).toEqual([2 ** 31 - 1, 6]);
    });

    it('that is not held up when the clock is set back', () => {
      const source = new Subject<string>();
      const batches: Batch<string, string>[] = [];
      source.pipe(batchByKey(first, { maxWait: 10 })).subscribe((batch) => batches.push(batch));
      jest.setSystemTime(3_600_000);
      source.next('a1');
      jest.setSystemTime(0);
      jest.advanceTimersByTime(10);
      expect(words(batches)).toEqual(['a1']);
    });
  });

  it('emits at the end of the microtask with maxWait 0 on the asapScheduler', async () => {
    const source = new Subject<string>();
    const batches: Batch<string, string>[] = [];
    source.pipe(batchByKey(first, { maxWait: 0, scheduler: asapScheduler })).subscribe((batch) => batches.push(batch));
    for (const round of ['1', '2']) {
      source.next(`a${round}`);
      source.next(`a${round}`);
      expect(batches).toHaveLength(Number(round) - 1);
      await Promise.resolve();
      expect(words(batches).at(-1)).toBe(`a${round} a${round}`);
    }
  });

  it('emits at once with maxWait 0 on a synchronous scheduler', () => {
    const source = new Subject<string>();
    const batches: Batch<string, string>[] = [];
    source.pipe(batchByKey(first, { maxWait: 0, scheduler: queueScheduler })).subscribe((batch) => batches.push(batch));
    source.next('a1');
    source.next('a2');
    expect(words(batches)).toEqual(['a1', 'a2']);
  });

  describe('when a subscriber feeds the source', () => {
    it('gives every subscriber the batches in the same order', () => {
      const source = new Subject<string>();
      const [fed, other]: [string[], string[]] = [[], []];
      const shared = source.pipe(batchByKey(first, { maxSize: 2 }), share());
      shared.subscribe(({ items }) => {
        if (fed.length < 2) ['x1', 'x2', 'a1', 'a2'].forEach((item) => source.next(item));
        fed.push(items.join(' '));
      });
      shared.subscribe(({ items }) => other.push(items.join(' ')));
      source.next('a0');
      source.next('a0');
      expect(fed.slice(0, 3)).toEqual(['a0 a0', 'x1 x2', 'a1 a2']);
      expect(other).toEqual(fed);
    });

    it.each(['complete', 'error'] as const)('emits open batches before a re-entrant %s', (end) => {
      const source = new Subject<string>();
      const seen: string[] = [];
      source.pipe(batchByKey(first, { maxSize: 2 }), materialize()).subscribe((notification) => {
        const isFirst = seen.length === 0;
        seen.push(notification.kind === 'N' ? notification.value.items.join(' ') : notification.kind);
        if (isFirst) source[end]('boom');
      });
      ['b1', 'a1', 'a2'].forEach((item) => source.next(item));
      expect(seen).toEqual(['a1 a2', 'b1', end === 'error' ? 'E' : 'C']);
    });

    it('emits no value after a failed key', () => {
      const source = new Subject<string>();
      const seen: string[] = [];
      const failing = (item: string): string => {
        if (item === '!') throw new Error('boom');
        return first(item);
      };
      source.pipe(batchByKey(failing, { maxSize: 2 }), materialize()).subscribe((notification) => {
        seen.push(notification.kind === 'N' ? notification.value.items.join(' ') : notification.kind);
        if (seen.length === 1) ['!', 'c1', 'c2'].forEach((item) => source.next(item));
      });
      ['b1', 'a1', 'a2'].forEach((item) => source.next(item));
      expect(seen).toEqual(['a1 a2', 'b1', 'E']);
      expect(source.observed).toBe(false);
    });

    it('loses, doubles and reorders nothing', () => {
      const event = record({ key: constantFrom('a', 'b', 'c'), wait: boolean() });
      const options = record({
        maxSize: integer({ min: 1, max: 4 }),
        maxKeys: integer({ min: 1, max: 3 }),
        maxWait: integer({ min: 0, max: 3 }),
      });
      assert(
        property(array(event), array(event, { maxLength: 30 }), options, (events, answers, limits) => {
          const scheduler = new VirtualTimeScheduler();
          const source = new Subject<string>();
          const [sent, got]: [string[], string[]] = [[], []];
          const unsaid = [...answers];
          const send = ({ key }: { key: string }): void => {
            const item = `${key}${sent.length}`;
            sent.push(item);
            source.next(item);
          };
          source.pipe(batchByKey(first, { ...limits, scheduler })).subscribe(({ key, items }) => {
            unsaid.splice(0, 2).forEach(send);
            expect(items.length).toBeLessThanOrEqual(limits.maxSize);
            expect(new Set(items.map(first))).toEqual(new Set([key]));
            got.push(...items);
          });
          for (const { key, wait } of events) {
            send({ key });
            if (wait) scheduler.flush();
          }
          unsaid.length = 0; // a source that has completed takes none
          source.complete();
          for (const key of ['a', 'b', 'c']) {
            expect(got.filter((item) => first(item) === key)).toEqual(sent.filter((item) => first(item) === key));
          }
        }),
      );
    });
  });

  it('behaves as a plain array, over time', () => {
    const events = array(record({ pause: integer({ min: 0, max: 6 }), key: constantFrom('a', 'b', 'c', null) }));
    const options = record({
      maxSize: integer({ min: 1, max: 4 }),
      maxKeys: integer({ min: 1, max: 3 }),
      wait: integer({ min: 0, max: 5 }),
    });
    assert(
      property(events, options, (pauses, { maxSize, maxKeys, wait }) => {
        // Items come at even times and batches are due at odd ones, so that which comes first is not the question here.
        const maxWait = 2 * wait + 1;
        let now = 0;
        const items = pauses.map(({ pause, key }, index) => ({ at: (now += 2 * pause), key, index }));
        expect(run(items, { maxSize, maxKeys, maxWait })).toEqual(model(items, { maxSize, maxKeys, maxWait }));
      }),
    );
  });

  it.each(['maxSize', 'maxKeys'])('refuses a %s that is not positive when called', (option) => {
    for (const value of [0, -1, NaN]) {
      expect(() => batchByKey(identity, { [option]: value })).toThrow(new RangeError(`batchByKey: "${option}" must be > 0, got ${value}`));
    }
  });

  it('refuses a maxWait below zero when called', () => {
    expect(() => batchByKey(identity, { maxWait: -1 })).toThrow(new RangeError('batchByKey: "maxWait" must be >= 0, got -1'));
  });
});

interface Item {
  readonly at: number;
  readonly key: string | null;
  readonly index: number;
}
interface Limits {
  readonly maxSize: number;
  readonly maxKeys: number;
  readonly maxWait: number;
}
type Emitted = readonly [at: number, indices: readonly number[]];

function run(items: readonly Item[], limits: Limits): Emitted[] {
  const scheduler = new VirtualTimeScheduler();
  const source = new Subject<Item>();
  const emitted: Emitted[] = [];
  source.pipe(batchByKey(({ key }) => key, { ...limits, scheduler })).subscribe((batch) => {
    emitted.push([scheduler.now(), batch.items.map(({ index }) => index)]);
  });
  for (const item of items) scheduler.schedule(() => source.next(item), item.at);
  scheduler.flush();
  return emitted;
}

function model(items: readonly Item[], { maxSize, maxKeys, maxWait }: Limits): Emitted[] {
  const emitted: Emitted[] = [];
  let open: Item[][] = [];
  const emitIf = (at: (batch: Item[]) => number | false): void => {
    for (const batch of open) {
      const time = at(batch);
      if (time !== false) emitted.push([time, batch.map(({ index }) => index)]);
    }
    open = open.filter((batch) => at(batch) === false);
  };
  for (const item of items) {
    emitIf((batch) => batch[0]!.at + maxWait < item.at && batch[0]!.at + maxWait);
    const batch = open.find(([{ key } = item]) => key === item.key);
    if (batch) batch.push(item);
    else open.push([item]);
    emitIf(({ length }) => length >= maxSize && item.at);
    const [oldest] = open;
    emitIf((candidate) => open.length > maxKeys && candidate === oldest && item.at);
  }
  emitIf((batch) => batch[0]!.at + maxWait);
  return emitted;
}
