import { concat, defer, map, NEVER, of, Subject, throwError, VirtualTimeScheduler } from 'rxjs';
import { deadLetter } from '../../../lib/operators/deadLetters/deadLetter.js';
import type { StoredDeadLetter } from '../../../lib/stores/deadLetterStore.js';
import { memoryDeadLetters } from '../../../lib/stores/memoryDeadLetters.js';
import { replayDeadLetters } from '../../../lib/operators/deadLetters/replayDeadLetters.js';
import { queue } from '../../../lib/operators/queue/queue.js';
import { OverflowError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { retryBackoff, type RetryAttempt } from '../../../lib/operators/retryBackoff.js';
import { consume } from '../../../lib/operators/consume/consume.js';
import { createDeadLetter } from '../../../lib/wire/createDeadLetter.js';
import { record } from '../../support/record.js';

const boom = new Error('boom');
const message = (id = 'a'): Message => createMessage('test.any', id, { id, timestamp: 0 });
const at = (time: number): VirtualTimeScheduler => Object.assign(new VirtualTimeScheduler(), { frame: time });

describe('createDeadLetter', () => {
  it('says why, by the code of the error where it has one, and by its text', () => {
    const scheduler = at(7);
    const reason = 'ERR_OVERFLOW';
    const error = 'b: the limit of 1 is reached';
    expect(createDeadLetter(message(), new OverflowError('b', 1), { scheduler })).toEqual({
      ...{ message: message(), reason, error, attempts: 1, at: 7 },
      history: [{ reason, error, at: 7 }],
    });
    expect(createDeadLetter(message(), boom, { scheduler })).toMatchObject({ reason: 'boom', error: 'boom' });
    expect(createDeadLetter(message(), 'late', { scheduler })).toMatchObject({ reason: 'late', error: 'late' });
    expect(createDeadLetter(message(), undefined, { scheduler })).toMatchObject({ reason: 'undefined' });
  });

  it('bounds its texts, and its history: the last ten', () => {
    const history = Array.from({ length: 12 }, (_, n) => ({ reason: String(n), error: '' }));
    const dead = createDeadLetter(message(), new Error('x'.repeat(5_000)), { history });
    expect(dead.history.map(({ reason }) => reason)).toEqual(['2', '3', '4', '5', '6', '7', '8', '9', '10', '11']);
    expect([dead.reason.length, dead.error.length]).toEqual([1_000, 1_000]);
  });
});

describe('deadLetter', () => {
  it('keeps the message when its work fails, and completes', () => {
    const letters = memoryDeadLetters();
    const work = record(
      concat(
        of(1),
        throwError(() => boom),
      ).pipe(deadLetter(letters, message(), { scheduler: at(3) })),
    );
    expect([work.values, work.isOver()]).toEqual([[1], true]);
    expect(record(letters.list()).values).toEqual([{ id: 1, ...createDeadLetter(message(), boom, { scheduler: at(3) }) }]);
  });

  it('contains the history, if the retries are reported to it', () => {
    const scheduler = new VirtualTimeScheduler();
    const letters = memoryDeadLetters();
    const retries: RetryAttempt[] = [];
    let attempts = 0;
    const onRetry = (retry: RetryAttempt): void => void retries.push(retry);
    defer(() => throwError(() => new Error(`no ${++attempts}`)))
      .pipe(retryBackoff({ initialInterval: 1, maxRetries: 2, scheduler, onRetry }), deadLetter(letters, message(), { retries, scheduler }))
      .subscribe();
    scheduler.flush();
    expect(record(letters.list()).values).toMatchObject([
      { attempts: 3, error: 'no 3', history: [{ error: 'no 1' }, { error: 'no 2' }, { error: 'no 3', at: 3 }] },
    ]);
  });

  it('passes on values that do not fail, and waits for the store', async () => {
    const stored$ = new Subject<void>();
    const slow = record(throwError(() => boom).pipe(deadLetter({ add: () => stored$ }, message())));
    expect(record(of(1).pipe(deadLetter({ add: () => NEVER }, message()))).values).toEqual([1]);
    expect(slow.isOver()).toBe(false);
    stored$.next();
    expect([await slow.ended, slow.values]).toEqual(['complete', []]);
  });

  it('delivers the error of the store', async () => {
    const full = new RangeError('full');
    const add = (): never => {
      throw full;
    };
    expect(await record(throwError(() => boom).pipe(deadLetter({ add }, message()))).ended).toBe(full);
  });
});

describe('the dead letters of consume', () => {
  it('contain the error of each attempt', () => {
    const scheduler = new VirtualTimeScheduler();
    const letters = memoryDeadLetters();
    let attempts = 0;
    const fail = () => throwError(() => new Error(`no ${++attempts}`));
    of(message())
      .pipe(consume(fail, { retry: { maxRetries: 2 }, deadLetter: letters.add, scheduler }))
      .subscribe();
    scheduler.flush();
    const history = [0, 100, 300].map((time, n) => ({ reason: `no ${n + 1}`, error: `no ${n + 1}`, at: time }));
    expect(record(letters.list()).values).toMatchObject([{ attempts: 3, reason: 'no 3', history }]);
  });
});

describe('replayDeadLetters', () => {
  const kept = (...ids: string[]) => {
    const letters = memoryDeadLetters();
    for (const id of ids) void letters.add(createDeadLetter(message(id), new Error(`no ${id}`), { scheduler: at(1) }));
    const left = (): readonly StoredDeadLetter[] => record(letters.list()).values;
    return {
      letters,
      left,
      replay: (...args: Parameters<typeof replayDeadLetters> extends [unknown, ...infer Rest] ? Rest : never) =>
        record(replayDeadLetters(letters, ...args)),
    };
  };

  it('goes through any observer', () => {
    const { left, replay } = kept('a', 'b');
    const target = new Subject<Message>();
    const seen = record(target.pipe(map(({ id }) => id)));
    expect(replay(target).values).toMatchObject([
      { status: 'done', letter: { id: 1 } },
      { status: 'done', letter: { id: 2 } },
    ]);
    expect([seen.values, left()]).toEqual([['a', 'b'], []]);
  });

  it('replays one after the other, and removes a letter when its message was taken', () => {
    const { left, replay } = kept('a', 'b');
    const works = { a: new Subject<void>(), b: new Subject<void>() };
    const started: string[] = [];
    const { values } = replay(({ id }) => {
      started.push(id);
      return works[id as 'a' | 'b'];
    });
    expect([started, values, left().length]).toEqual([['a'], [], 2]);
    works.a.complete();
    expect([started, values.length, left().length]).toEqual([['a', 'b'], 1, 1]);
  });

  it('leaves the batches that could not be decoded, unless a filter or an id selects them', () => {
    const { letters, left, replay } = kept('a');
    const payload = { number: 1, count: 1, codec: 'json', size: 2, body: '{}' };
    void letters.add(createDeadLetter(createMessage('system.undecodable', payload, { id: 'u' }), boom));
    const seen: string[] = [];
    const target = ({ id }: Message): void => void seen.push(id);
    expect(replay(target).values).toMatchObject([{ status: 'done', letter: { id: 1 } }]);
    expect([seen, left().map(({ id }) => id)]).toEqual([['a'], [2]]);
    replay(target, { filter: () => false });
    replay(target, { filter: ({ message: { type } }) => type === 'system.undecodable' });
    void letters.add(createDeadLetter(createMessage('system.undecodable', payload, { id: 'v' }), boom));
    replay(target, { id: 3 });
    expect([seen, left()]).toEqual([['a', 'u', 'v'], []]);
  });

  it('keeps a letter whose message was not accepted, and reports it', () => {
    const { left, replay } = kept('a', 'b');
    const next = ({ id }: Message): void => {
      if (id === 'a') throw boom;
    };
    expect(replay({ next }).values).toMatchObject([{ status: 'failed', error: boom }, { status: 'done' }]);
    expect(left()).toMatchObject([{ message: { id: 'a' } }]);
  });

  it('continues the history when the message fails again', () => {
    const scheduler = new VirtualTimeScheduler();
    const { letters, left, replay } = kept('a');
    const orders = queue('orders', { scheduler });
    orders.process(() => throwError(() => boom), { retry: { maxRetries: 1 }, deadLetter: letters.add }).subscribe();
    replay(orders);
    scheduler.flush();
    expect(left()).toMatchObject([{ id: 2, attempts: 2, history: [{ reason: 'no a', at: 1 }, { reason: 'boom' }, { reason: 'boom' }] }]);
  });

  it('delivers the exception of a filter', async () => {
    const filter = (): never => {
      throw boom;
    };
    expect(await kept('a').replay(() => undefined, { filter }).ended).toBe(boom);
  });
});
