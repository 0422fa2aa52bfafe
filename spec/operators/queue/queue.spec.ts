import { first, firstValueFrom, map, mergeMap, NEVER, of, Subject, throwError, timer, VirtualTimeScheduler, type Observable } from 'rxjs';
import { queue } from '../../../lib/operators/queue/queue.js';
import type { QueueLog } from '../../../lib/operators/queue/queueStore.js';
import type { ProcessOptions, Queue, QueueOptions } from '../../../lib/operators/queue/queueOptions.js';
import { OverflowError, StoreError } from '../../../lib/message/errors.js';
import { asObservable } from '../../../lib/message/maybeAsync.js';
import { createMessage, type MessageOptions } from '../../../lib/message/createMessage.js';
import { MessagePriority } from '../../../lib/message/messagePriority.js';
import type { Message } from '../../../lib/message/types.js';
import type { Consumed } from '../../../lib/operators/consume/consume.js';
import { fakeQueueStore, type FakeQueueStore } from '../../support/fakeQueueStore.js';
import { record } from '../../support/record.js';
import { pair } from '../../support/sessionPair.js';
import { eventually } from '../../support/eventually.js';

const boom = new Error('boom');
/** Capital letters are urgent. */
const message = (id: string, options: MessageOptions = {}): Message =>
  createMessage('test.any', id, { id, timestamp: 0, ...(id < 'a' && { priority: MessagePriority.HIGH }), ...options });
const show = (one: Consumed<Message, unknown>): string => `${one.message.id} ${one.status} ${one.attempts}`;
const pause = (ms = 0): Promise<unknown> => firstValueFrom(timer(ms));

/** Handlers that end when the test says so. */
function handlers() {
  const running = new Map<string, Subject<unknown>>();
  const started: string[] = [];
  return {
    started,
    handle: ({ id }: Message): Observable<unknown> => {
      const work$ = new Subject<unknown>();
      running.set(id, work$);
      started.push(id);
      return work$;
    },
    end: (...ids: string[]): void => ids.forEach((id) => running.get(id)?.complete()),
    fail: (id: string): void => running.get(id)?.error(boom),
  };
}

const queues: Queue<Message>[] = [];
afterEach(() => queues.splice(0).forEach(({ close }) => close()));

function queued(options: QueueOptions<Message> = {}) {
  const made = queue('letters', options);
  queues.push(made);
  const [drops, errors] = [record(made.drops$.pipe(map((drop) => `${drop.message.id} ${drop.reason}`))), record(made.errors$)];
  return { ...made, drops: drops.values, errors: errors.values, send: (text: string) => sendAll(made, text) };
}
const sendAll = ({ next }: Queue<Message>, text: string): void => Array.from(text).forEach((id) => next(message(id)));

describe('queue', () => {
  it('processes the most urgent waiting message first, and equal ones in the order of arrival', () => {
    const { process, send } = queued();
    const { handle, started, end } = handlers();
    send('abCdE');
    const { values } = record(process(handle).pipe(map(show)));
    for (const id of 'CEabd') end(id);
    expect(started.join('')).toBe('CEabd');
    expect(values).toEqual(['C done 1', 'E done 1', 'a done 1', 'b done 1', 'd done 1']);
  });

  it('starts a message at its arrival when a processor is idle', () => {
    const { process, next } = queued();
    const started: string[] = [];
    process(({ id }) => void started.push(id)).subscribe();
    next(message('a'));
    expect(started).toEqual(['a']);
  });

  it('sets no timer for a message that need not wait', () => {
    const scheduler = new VirtualTimeScheduler();
    const { process, send } = queued({ scheduler });
    const { handle, end } = handlers();
    process(handle).subscribe();
    send('a');
    end('a');
    expect(scheduler.actions).toHaveLength(0);
    send('bcd');
    expect(scheduler.actions).toHaveLength(1);
  });

  it('passes each message to one of several processors, within the concurrency of each', () => {
    const { process, send } = queued();
    const [one, two] = [handlers(), handlers()];
    process(one.handle).subscribe();
    process(two.handle, { concurrency: 2 }).subscribe();
    send('abcde');
    expect([one.started, two.started]).toEqual([['a'], ['b', 'c']]);
    one.end('a');
    two.end('c');
    expect([one.started, two.started]).toEqual([
      ['a', 'd'],
      ['b', 'c', 'e'],
    ]);
  });

  it('drops the oldest when it is full, and says so', () => {
    const { drops, send, process } = queued({ maxSize: 2 });
    send('abcd');
    expect(drops).toEqual(['a overflow', 'b overflow']);
    const { values } = record(process(() => undefined).pipe(map(show)));
    expect(values).toEqual(['c done 1', 'd done 1']);
  });

  it('drops by other policies', () => {
    const dropped = (overflow: 'drop-newest' | 'drop-lowest'): readonly string[] => {
      const { drops, send } = queued({ maxSize: 2, overflow });
      send('AbcD');
      return drops;
    };
    expect(dropped('drop-newest')).toEqual(['c overflow', 'D overflow']);
    expect(dropped('drop-lowest')).toEqual(['b overflow', 'c overflow']);
  });

  it('ends when it is full and its policy is error', async () => {
    const { drops, errors, send, process } = queued({ maxSize: 1, overflow: 'error' });
    const processed = record(process(() => NEVER));
    send('abc');
    const error = new OverflowError('queue letters', 1);
    expect([errors, await processed.ended]).toEqual([[error], error]);
    expect(drops).toEqual(['b closed', 'a closed']);
    expect(await record(process(() => NEVER)).ended).toEqual(error);
  });

  it('has room for 1,000, for a minute, by default', () => {
    const scheduler = new VirtualTimeScheduler();
    const { drops, next } = queued({ scheduler });
    for (let n = 0; n < 1_001; n++) next(message(String(n).padStart(4, 'a')));
    expect(drops).toEqual(['aaa0 overflow']);
    scheduler.schedule(() => expect(drops).toHaveLength(1), 59_999);
    scheduler.flush();
    expect([scheduler.now(), drops.length]).toEqual([60_000, 1_001]);
  });

  it('drops messages at maxAge, and those with an expired ttl at their turn', () => {
    const scheduler = new VirtualTimeScheduler();
    const { drops, next, process } = queued({ scheduler, maxAge: 5 });
    const at = (time: number, task: () => void): void => void scheduler.schedule(task, time);
    const { handle, started } = handlers();
    at(1, () => next(message('a')));
    at(2, () => next(message('b')));
    at(6.5, () => expect(drops).toEqual(['a expired']));
    at(7.5, () => expect(drops).toEqual(['a expired', 'b expired']));
    at(8, () => next(message('c', { ttl: 9 })));
    at(8, () => next(message('d', { ttl: 10 })));
    at(9, () => process(handle).subscribe());
    scheduler.flush();
    expect([drops, started]).toEqual([['a expired', 'b expired', 'c expired'], ['d']]);
  });

  it('emits its depth now and at each change, in order even for re-entrant additions', () => {
    const made = queued();
    made.depth$.pipe(first((depth) => depth === 1)).subscribe(() => made.send('b'));
    const { values } = record(made.depth$);
    const { handle, end } = handlers();
    made.send('a');
    expect(values).toEqual([0, 2]);
    const processor = made.process(handle).subscribe();
    end('a');
    processor.unsubscribe();
    expect(values).toEqual([0, 2, 1, 0, 1]);
  });

  it('uses NORMAL when priority throws, and reports the error', () => {
    const priority = ({ id }: Message): number => {
      if (id === 'b') throw boom;
      return id === 'c' ? MessagePriority.HIGH : MessagePriority.LOW;
    };
    const { errors, send, process } = queued({ priority });
    send('abc');
    const { values } = record(process(() => undefined).pipe(map(({ message: { id } }) => id)));
    expect([values, errors]).toEqual([['c', 'b', 'a'], [boom]]);
  });

  it('survives the completion of its source', () => {
    const made = queued();
    of(message('a')).subscribe(made);
    of(message('b')).subscribe(made);
    expect(record(made.process(() => undefined)).values).toHaveLength(2);
  });

  it('does not recurse for handlers that complete synchronously', () => {
    const { next, process } = queued({ maxSize: 20_000 });
    for (let n = 0; n < 20_000; n++) next(message(String(n)));
    expect(record(process(() => undefined)).values).toHaveLength(20_000);
  });

  it('processes messages in the order of arrival when its order is fifo', () => {
    const { process, send } = queued({ order: 'fifo' });
    send('abCdE');
    const { values } = record(process(() => undefined).pipe(map(({ message: { id } }) => id)));
    expect(values.join('')).toBe('abCdE');
  });

  it('continues in the order of arrival after a restart when its order is fifo', async () => {
    const store = fakeQueueStore();
    queued({ store, order: 'fifo' }).send('aBc');
    await pause(5);
    const { values, take } = record(
      queued({ store, order: 'fifo' })
        .process(() => undefined)
        .pipe(map(({ message: { id } }) => id)),
    );
    await take(3);
    expect(values.join('')).toBe('aBc');
  });

  describe('that counts maxAge from the timestamp', () => {
    const aged = () => {
      const scheduler = new VirtualTimeScheduler();
      const made = queued({ scheduler, maxAge: 10, ageFrom: 'timestamp' });
      const at = (time: number, task: () => void): void => void scheduler.schedule(task, time);
      const sent = (id: string, timestamp: number, options: MessageOptions = {}): void => made.next(message(id, { timestamp, ...options }));
      return { ...made, scheduler, at, sent };
    };

    it('drops a waiting message on time, by its timestamp', () => {
      const { at, sent, drops, scheduler } = aged();
      at(8, () => sent('a', 2));
      at(11.5, () => expect(drops).toEqual([]));
      at(12.5, () => expect(drops).toEqual(['a expired']));
      scheduler.flush();
      expect(drops).toEqual(['a expired']);
    });

    it('drops a message at its arrival that is too old already, also when a processor is idle', () => {
      const { at, sent, drops, process, scheduler } = aged();
      const { handle, started } = handlers();
      at(1, () => process(handle).subscribe());
      at(20, () => sent('a', 10));
      at(20, () => sent('b', 11));
      at(20, () => sent('c', 0, { ttl: 5 }));
      scheduler.flush();
      expect([started, drops]).toEqual([['b'], ['a expired', 'c expired']]);
    });

    it('never processes a message that is too old, also when an older timestamp arrives later', () => {
      const { at, sent, drops, process, scheduler } = aged();
      const { handle, started, end } = handlers();
      at(10, () => sent('a', 9));
      at(10, () => sent('b', 2));
      at(10, () => sent('c', 9));
      at(13, () => process(handle).subscribe());
      at(14, () => end('a'));
      scheduler.flush();
      expect([started, drops]).toEqual([['a', 'c'], ['b expired']]);
    });

    it('lets no message wait longer than maxAge whose sender has a clock that is ahead', () => {
      const { at, sent, drops, scheduler } = aged();
      at(1, () => sent('a', 1_000));
      at(11.5, () => expect(drops).toEqual(['a expired']));
      scheduler.flush();
      expect(drops).toHaveLength(1);
    });

    it('drops a message that was put back when it is too old', () => {
      const { at, sent, drops, process, scheduler } = aged();
      const [one, two] = [handlers(), handlers()];
      at(1, () => sent('a', 1));
      at(1, () => sent('b', 1));
      at(2, () => sent('c', 30));
      let processor = NEVER.subscribe();
      at(3, () => (processor = process(one.handle, { concurrency: 2 }).subscribe()));
      at(20, () => processor.unsubscribe());
      at(21, () => process(two.handle).subscribe());
      scheduler.flush();
      expect([one.started, two.started, drops]).toEqual([['a', 'b'], [], ['c expired', 'a expired', 'b expired']]);
    });
  });

  it('drops an expired message at its arrival, with and without an idle processor', () => {
    const scheduler = new VirtualTimeScheduler();
    const { next, process, drops } = queued({ scheduler });
    const { handle, started } = handlers();
    process(handle).subscribe();
    scheduler.schedule(() => next(message('a', { ttl: 5 })), 5);
    scheduler.schedule(() => next(message('b', { ttl: 6 })), 5);
    scheduler.flush();
    expect([started, drops]).toEqual([['b'], ['a expired']]);
  });

  it.each<[QueueOptions<Message>, string]>([
    [{ order: 'lifo' as never }, `queue: "order" must be 'fifo' or 'priority', got lifo`],
    [{ ageFrom: 'birth' as never }, `queue: "ageFrom" must be 'arrival' or 'timestamp', got birth`],
    [{ order: 'fifo', priority: () => 1 }, `queue: "priority" has no effect with the order 'fifo'`],
    [{ order: 'fifo', overflow: 'drop-lowest' }, `queue: the overflow 'drop-lowest' has no effect with the order 'fifo'`],
  ])('refuses %j when called', (options, text) => {
    expect(() => queue('letters', options)).toThrow(new RangeError(text));
  });

  it.each(['maxSize', 'maxAge'])('refuses a %s that is not positive when called', (option) => {
    expect(() => queue('letters', { [option]: 0 })).toThrow(new RangeError(`queue: "${option}" must be > 0, got 0`));
  });

  it('refuses a concurrency that is not positive when called', () => {
    expect(() => queued().process(() => NEVER, { concurrency: -1 })).toThrow(RangeError);
  });

  describe('a processor', () => {
    it.each([42, 'abc', { length: 3 }, true])('calls a handler once that returns %p', (returned) => {
      const jobs = queue('jobs');
      queues.push(jobs);
      const called: string[] = [];
      const { values } = record(
        jobs.process(({ id }) => {
          called.push(id);
          return returned;
        }),
      );
      jobs.next(message('a'));
      expect(called).toEqual(['a']);
      expect(values).toMatchObject([{ status: 'done', attempts: 1, result: returned }]);
    });

    const processed = (handler: (one: Message) => Observable<unknown>, options: ProcessOptions<Message, unknown> = {}) => {
      const made = queued();
      return { ...made, ...record(made.process(handler, { retry: { initialInterval: 1 }, ...options })) };
    };

    it('retries a failing handler, then stores a dead letter, and continues', async () => {
      const letters: unknown[] = [];
      const { send, take } = processed(({ id }) => (id === 'a' ? throwError(() => boom) : of(id)), {
        deadLetter: (letter) => void letters.push(letter),
      });
      send('ab');
      expect((await take(2)).map(show)).toEqual(['a dead 4', 'b done 1']);
      expect(letters).toMatchObject([{ message: { id: 'a' }, reason: 'boom', attempts: 4 }]);
    });

    it.each(['throws', 'fails later'])('stores a dead letter again whose store %s, reports it, and then continues', async (how) => {
      const letters: string[] = [];
      let failures = 0;
      const { send, values, take, errors, isOver } = processed(() => throwError(() => boom), {
        retry: false,
        deadLetter: ({ message: { id } }) => {
          if (failures++ < 2 && how === 'throws') throw boom;
          return failures <= 2 ? throwError(() => boom) : void letters.push(id);
        },
      });
      send('ab');
      expect([values, isOver(), errors]).toEqual([[], false, [boom]]);
      expect((await take(2)).map(show)).toEqual(['a dead 1', 'b dead 1']);
      expect([letters, errors]).toEqual([
        ['a', 'b'],
        [boom, boom],
      ]);
    });

    it('puts a message back whose dead letter cannot be stored, when it is unsubscribed or the queue is closed', () => {
      const made = queued();
      const fail = { retry: false, deadLetter: () => throwError(() => boom) } as const;
      const processor = record(made.process(() => throwError(() => boom), fail));
      made.send('a');
      processor.subscription.unsubscribe();
      const { handle, started } = handlers();
      made.process(handle).subscribe();
      expect([started, made.errors]).toEqual([['a'], [boom, boom]]);

      const keeping$ = new Subject<void>();
      const other = queued();
      const closed = record(other.process(() => throwError(() => boom), { retry: false, deadLetter: () => keeping$ }));
      other.send('a');
      other.close();
      keeping$.error(boom);
      expect([closed.isOver(), other.drops]).toEqual([true, ['a closed']]);
    });

    it('puts running messages back to the front, in order, when it is unsubscribed', () => {
      const { send, process, depth$ } = queued();
      const [one, two] = [handlers(), handlers()];
      const first = process(one.handle, { concurrency: 3 }).subscribe();
      send('abcdE');
      one.end('b');
      expect(one.started).toEqual(['a', 'b', 'c', 'E']);
      first.unsubscribe();
      expect(record(depth$).values).toEqual([4]);
      process(two.handle).subscribe();
      two.end('a');
      two.end('c');
      two.end('E');
      expect(two.started).toEqual(['a', 'c', 'E', 'd']);
    });

    describe('that is left while a dead letter is being kept', () => {
      function left(options: QueueOptions<Message> = {}) {
        const made = queued(options);
        const keeping$ = new Subject<void>();
        const processor = made.process(() => throwError(() => boom), { retry: false, deadLetter: () => keeping$ }).subscribe();
        return { ...made, keeping$, leave: () => processor.unsubscribe() };
      }
      const wait = async (isSo: () => boolean): Promise<void> => {
        while (!isSo()) await pause(1);
      };

      it('does not put the message back: it is a letter', async () => {
        const store = fakeQueueStore();
        const { send, keeping$, leave, depth$, process } = left({ store });
        send('a');
        await wait(() => keeping$.observed);
        leave();
        expect([keeping$.observed, record(depth$).values]).toEqual([true, [0]]);
        keeping$.complete();
        await wait(() => store.stored().length === 0);
        const { handle, started } = handlers();
        process(handle).subscribe();
        expect(started).toEqual([]);
      });

      it('puts the message back when the dead letter cannot be stored, and reports it', () => {
        const { send, keeping$, leave, errors, process } = left();
        send('a');
        leave();
        const { handle, started } = handlers();
        process(handle).subscribe();
        expect(started).toEqual([]);
        keeping$.error(boom);
        expect([started, errors]).toEqual([['a'], [boom]]);
      });

      it('lets the message be acked', async () => {
        const { keeping$, leave, next } = left();
        const { wire, close } = pair({ onServerWire: (there) => void there.subscribe({ next }) });
        const sent = wire.send(message('a'));
        await wait(() => keeping$.observed);
        leave();
        keeping$.complete();
        expect((await sent).status).toBe('acked');
        close();
      });

      it('lets the queue be closed after that', async () => {
        const store = fakeQueueStore();
        const { send, keeping$, leave, close } = left({ store });
        send('a');
        await wait(() => keeping$.observed);
        close();
        leave();
        await pause();
        expect(store.closed()).toBe(0);
        keeping$.complete();
        await wait(() => store.closed() === 1);
        expect(store.stored()).toEqual([]);
      });
    });

    it('passes its running messages to another processor', () => {
      const { send, process } = queued();
      const [one, two] = [handlers(), handlers()];
      const first = process(one.handle).subscribe();
      send('a');
      process(two.handle).subscribe();
      first.unsubscribe();
      expect(two.started).toEqual(['a']);
    });
  });

  describe('take', () => {
    const idOf = map(({ id }: Message) => id);

    it('emits the next message that waits, and completes', () => {
      const made = queued();
      made.send('abC');
      const taken = [1, 2].map(() => record(made.take().pipe(idOf)));
      expect(taken.map(({ values, isOver }) => [values, isOver()])).toEqual([
        [['C'], true],
        [['a'], true],
      ]);
      expect(record(made.depth$).values).toEqual([1]);
    });

    it('waits for a message, and leaves the others in the queue', () => {
      const made = queued();
      const taken = record(made.take().pipe(idOf));
      expect(taken.isOver()).toBe(false);
      made.send('ab');
      expect([taken.values, taken.isOver(), record(made.depth$).values]).toEqual([['a'], true, [1]]);
    });

    it('takes one message for each subscription, in the order of the subscriptions', async () => {
      const made = queued();
      const next$ = made.take().pipe(idOf);
      const taken = Promise.all([firstValueFrom(next$), firstValueFrom(next$)]);
      made.send('ab');
      expect(await taken).toEqual(['a', 'b']);
    });

    it('takes no message when it was unsubscribed before', () => {
      const made = queued();
      made.take().subscribe().unsubscribe();
      made.send('a');
      expect(record(made.take().pipe(idOf)).values).toEqual(['a']);
    });

    it('shares the messages with processors', () => {
      const made = queued();
      const { handle, started } = handlers();
      made.process(handle).subscribe();
      made.send('ab');
      expect([started, record(made.take().pipe(idOf)).values]).toEqual([['a'], ['b']]);
    });

    it('removes the message from the store when it is taken, and not before', async () => {
      const store = fakeQueueStore();
      const made = queued({ store });
      made.send('ab');
      await pause(5);
      expect(store.stored()).toEqual(['a', 'b']);
      expect(await firstValueFrom(made.take().pipe(idOf))).toBe('a');
      await eventually(() => expect(store.stored()).toEqual(['b']));
    });

    it('processes the messages that an earlier process has left in the store', async () => {
      const store = fakeQueueStore();
      queued({ store }).send('ab');
      await pause(5);
      expect(await firstValueFrom(queued({ store }).take().pipe(idOf))).toBe('a');
    });

    it('lets the session ack the message when it is taken', async () => {
      const made = queued();
      const { wire, close } = pair({ onServerWire: (there) => void there.subscribe(made) });
      const sent = wire.send(message('a'));
      const taken = made.take();
      await eventually(() => expect(record(made.depth$).values).toEqual([1]));
      expect(wire.isPending('a')).toBe(true);
      expect((await firstValueFrom(taken)).id).toBe('a');
      expect((await sent).status).toBe('acked');
      close();
    });

    it('completes without a message when the queue is closed, and fails when the queue has failed', async () => {
      const made = queued();
      const waiting = record(made.take());
      made.close();
      expect([waiting.values, await waiting.ended, await record(made.take()).ended]).toEqual([[], 'complete', 'complete']);
      const failing = queued({ maxSize: 1, overflow: 'error' });
      failing.send('abc');
      expect(await record(failing.take()).ended).toEqual(new OverflowError('queue letters', 1));
    });

    it('lets the queue close its store when the taken message is removed', async () => {
      const store = fakeQueueStore();
      const made = queued({ store });
      made.send('a');
      await firstValueFrom(made.take());
      made.close();
      await eventually(() => expect([store.closed(), store.stored()]).toEqual([1, []]));
    });
  });

  describe('when it is closed', () => {
    it('accepts and starts nothing more, drops waiting messages, and completes its processors after their running messages', () => {
      const { send, close, process, drops, depth$ } = queued();
      const { handle, started, end } = handlers();
      const processor = record(process(handle));
      const depth = record(depth$);
      send('ab');
      close();
      close();
      send('c');
      expect([drops, processor.isOver(), depth.isOver()]).toEqual([['b closed', 'c closed'], false, true]);
      end('a');
      expect([started, processor.values.map(show), processor.isOver()]).toEqual([['a'], ['a done 1'], true]);
      expect(record(process(handle)).isOver()).toBe(true);
    });

    it('drops messages that a processor puts back', () => {
      const { send, close, process, drops } = queued();
      const processor = process(() => NEVER).subscribe();
      send('a');
      close();
      processor.unsubscribe();
      expect(drops).toEqual(['a closed']);
    });
  });

  describe('with a session', () => {
    const cleanups: (() => void)[] = [];
    afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));
    function served(options: QueueOptions<Message> = {}) {
      const made = queued(options);
      const both = pair({ onServerWire: (wire) => void wire.subscribe(made) });
      cleanups.push(both.close);
      const acked = record(both.wire.receipts$.pipe(map(({ id, status }) => `${id} ${status}`)));
      const ackedOnes = () => acked.values.filter((one) => one.endsWith('acked')).map((one) => one[0]);
      return { ...made, wire: both.wire, acked: ackedOnes };
    }

    it('lets a message be acked when it is processed', async () => {
      const { wire, process, acked } = served();
      const { handle, end } = handlers();
      process(handle).subscribe();
      wire.next(message('a'));
      await pause(5);
      expect(acked()).toEqual([]);
      end('a');
      await eventually(() => expect(acked()).toEqual(['a']));
    });

    it('refuses a message that it drops for another one', async () => {
      const { wire, drops } = served({ maxSize: 1 });
      const refused = record(wire.failures$);
      'abc'.split('').forEach((id) => wire.next(message(id)));
      await eventually(() =>
        expect([refused.values.map(({ id, status }) => `${id} ${status}`), drops]).toEqual([
          ['a refused', 'b refused'],
          ['a overflow', 'b overflow'],
        ]),
      );
    });

    it('lets a message be acked when the store has it', async () => {
      const { wire, acked } = served({ store: fakeQueueStore() });
      wire.next(message('a'));
      await eventually(() => expect(acked()).toEqual(['a']));
    });

    it('lets a message wait that the store does not take, until it is processed', async () => {
      const store = fakeQueueStore();
      store.failing = () => 'quota';
      const { wire, acked, process, errors } = served({ store });
      const { handle, end } = handlers();
      process(handle).subscribe();
      wire.next(message('a'));
      await eventually(() => expect([acked(), errors]).toEqual([[], [new StoreError('fake', 'quota')]]));
      end('a');
      await eventually(() => expect(acked()).toEqual(['a']));
    });

    describe('ignores a repeat of a stored message whose ack was lost in a restart', () => {
      const stored = async (text: string): Promise<FakeQueueStore> => {
        const store = fakeQueueStore();
        queued({ store }).send(text);
        await pause(5);
        return store;
      };
      const sendOver = async ({ wire }: ReturnType<typeof served>, text: string): Promise<void> => {
        await Promise.all(Array.from(text).map((id) => wire.send(message(id))));
      };

      it('takes it once, and lets it be acked', async () => {
        const store = await stored('a');
        const made = served({ store });
        await record(made.depth$).take(2);
        await sendOver(made, 'ab');
        const { handle, started, end } = handlers();
        const { take } = record(made.process(handle, { concurrency: 3 }));
        end('a', 'b');
        await take(2);
        expect([started, made.drops, store.stored()]).toEqual([['a', 'b'], [], []]);
      });

      it('also while the queue is being opened', async () => {
        const store = await stored('a');
        const opening$ = new Subject<void>();
        const log = store.queue('letters');
        const made = served({
          store: { queue: () => ({ ...log, open: () => opening$.pipe(mergeMap(() => asObservable(() => log.open()))) }) },
        });
        const sent = sendOver(made, 'ab');
        await record(made.depth$).take(3);
        opening$.next();
        await sent;
        const { handle, started, end } = handlers();
        const { take } = record(made.process(handle, { concurrency: 3 }));
        end('a', 'b');
        await take(2);
        expect([started, made.drops, store.stored()]).toEqual([['a', 'b'], [], []]);
      });

      it('accepts the same message again after it was processed', async () => {
        const made = served({ store: await stored('a') });
        await record(made.depth$).take(2);
        await sendOver(made, 'a');
        await sendOver(made, 'a');
        const { handle, started } = handlers();
        made.process(handle, { concurrency: 3 }).subscribe();
        expect(started).toEqual(['a', 'a']);
      });

      it('accepts a message of the application with the same id', async () => {
        const made = queued({ store: await stored('a') });
        const { handle, started } = handlers();
        made.process(handle, { concurrency: 3 }).subscribe();
        made.send('ab');
        while (started.length < 3) await pause(1);
        expect(started).toEqual(['a', 'a', 'b']);
      });
    });

    it('does not let a message be acked that is still there when it is closed', async () => {
      const { wire, acked, close } = served();
      wire.next(message('a'));
      await pause(5);
      close();
      await pause(5);
      expect(acked()).toEqual([]);
    });
  });

  describe('with a store', () => {
    let store: FakeQueueStore;
    beforeEach(() => (store = fakeQueueStore()));
    const restarted = (options: QueueOptions<Message> = {}) => queued({ store, ...options });

    it('continues after a restart with the unfinished messages, in order', async () => {
      const before = restarted();
      const { handle, end } = handlers();
      before.process(handle, { concurrency: 2 }).subscribe();
      before.send('abCdE');
      await pause();
      end('C');
      await pause();
      expect(store.stored()).toEqual(['a', 'b', 'd', 'E']);

      const after = restarted();
      const { take } = record(after.process(() => undefined));
      expect((await take(4)).map(show)).toEqual(['E done 1', 'a done 1', 'b done 1', 'd done 1']);
      await pause();
      expect(store.stored()).toEqual([]);
    });

    it('queues messages that arrive during the opening after the stored ones', async () => {
      restarted().send('ab');
      await pause();
      const after = restarted();
      after.send('c');
      const started: string[] = [];
      const { take } = record(after.process(({ id }) => void started.push(id)));
      await take(3);
      expect(started).toEqual(['a', 'b', 'c']);
    });

    it('limits the messages that arrive during the opening, and the stored ones', async () => {
      restarted().send('abcd');
      await pause();
      const after = restarted({ maxSize: 2 });
      after.send('efg');
      expect(after.drops).toEqual(['e overflow']);
      await pause();
      await pause();
      expect(after.drops.map((drop) => drop[0]).join('')).toBe('eabcd');
      expect(store.stored()).toEqual(['f', 'g']);
    });

    it('ends, and loses nothing, when it finds more than it may have and shall not drop any', async () => {
      restarted().send('abc');
      await pause();
      const after = restarted({ maxSize: 2, overflow: 'error' });
      const { ended } = record(after.process(() => NEVER, { concurrency: 3 }));
      expect([await ended, after.drops, store.stored()]).toEqual([new OverflowError('queue letters', 2), [], ['a', 'b', 'c']]);
    });

    it('drops messages that became too old in the meantime', async () => {
      const scheduler = new VirtualTimeScheduler();
      restarted({ scheduler }).send('ab');
      await pause();
      const later = new VirtualTimeScheduler();
      later.frame = 60_001;
      const after = restarted({ scheduler: later });
      const { values } = record(after.process(() => undefined));
      await pause();
      await pause();
      expect([after.drops, values, store.stored()]).toEqual([['a expired', 'b expired'], [], []]);
    });

    it('emits the outcome of a message when it is final', async () => {
      const { send, process } = restarted();
      const { handle, end } = handlers();
      const { values } = record(process(handle));
      send('a');
      await pause();
      end('a');
      expect(values).toEqual([]);
      await pause();
      expect(values.map(show)).toEqual(['a done 1']);
    });

    it('does not write a message that is processed before its write', async () => {
      const { send, process } = restarted();
      const { values } = record(process(() => undefined));
      await pause();
      send('abc');
      expect(values).toHaveLength(3);
      await pause();
      expect(store.writes).toEqual([]);
    });

    it('writes messages that arrived together in one transaction', async () => {
      const { send, process } = restarted();
      const { handle, end } = handlers();
      process(handle).subscribe();
      send('abc');
      await pause();
      end('a');
      send('de');
      await pause();
      expect(store.writes).toEqual([
        { added: ['a', 'b', 'c'], removed: 0 },
        { added: ['d', 'e'], removed: 1 },
      ]);
    });

    it.each([new Error('no'), undefined])('continues when a store fails with %p', async (reason) => {
      const written: string[] = [];
      let isBroken = true;
      const log: QueueLog = {
        open: () => [],
        write(added) {
          if (isBroken) return throwError(() => reason);
          written.push(...added.map(({ message: { id } }) => id));
        },
        close: () => undefined,
      };
      const { send, errors, process } = queued({ store: { queue: () => log } });
      const { handle, started } = handlers();
      process(handle, { concurrency: 3 }).subscribe();
      send('a');
      await eventually(() => expect(errors).toMatchObject([{ code: 'ERR_STORE', fault: 'failed', cause: reason }]));
      isBroken = false;
      send('bc');
      await eventually(() =>
        expect([started, written]).toEqual([
          ['a', 'b', 'c'],
          ['b', 'c'],
        ]),
      );
    });

    it('stores the other messages when one cannot be stored', async () => {
      store.failing = (id) => (id === 'c' ? 'failed' : undefined);
      const { send, errors, process } = restarted();
      send('abcde');
      await eventually(() => expect([store.stored(), errors]).toEqual([['a', 'b', 'd', 'e'], [new StoreError('fake', 'failed')]]));
      expect((await record(process(() => undefined)).take(5)).map(show)).toHaveLength(5);
      await eventually(() => expect(store.stored()).toEqual([]));
    });

    it('retries a failed removal', async () => {
      const { send, process, errors } = restarted();
      const { handle, end } = handlers();
      const { take } = record(process(handle));
      send('a');
      await pause();
      store.failing = () => 'quota';
      end('a');
      send('b');
      await take(1);
      expect([store.stored(), errors]).toEqual([['a'], [new StoreError('fake', 'quota')]]);
      store.failing = undefined;
      send('c');
      await pause();
      expect(store.stored()).toEqual(['c']);
    });

    it('ends when there is a newer owner', async () => {
      const before = restarted();
      const processed = record(before.process(() => NEVER));
      before.send('a');
      await pause();
      const after = restarted();
      record(after.depth$);
      await pause();
      before.send('b');
      const fenced = new StoreError('fake', 'fenced');
      expect([await processed.ended, before.errors, before.drops]).toEqual([fenced, [fenced], []]);
    });

    it('ends when it cannot be opened, and reports faults of the store', async () => {
      const evicted = new StoreError('fake', 'evicted');
      const made = restarted();
      const processed = record(made.process(() => NEVER));
      store.faults$.next(evicted);
      expect(made.errors).toEqual([evicted]);
      store.faults$.next(new StoreError('fake', 'fenced'));
      expect(await processed.ended).toEqual(new StoreError('fake', 'fenced'));

      const broken = queued({
        store: { queue: () => ({ ...store.queue('letters'), open: () => throwError(() => new StoreError('fake', 'failed')) }) },
      });
      expect(await record(broken.process(() => NEVER)).ended).toEqual(new StoreError('fake', 'failed'));
    });

    it('keeps waiting messages when it is closed, and closes the store after the last write', async () => {
      const { send, close, process, drops } = restarted();
      const { handle, end } = handlers();
      const processor = record(process(handle));
      send('ab');
      await pause();
      close();
      await pause();
      expect([store.stored(), drops, store.closed()]).toEqual([['a', 'b'], [], 0]);
      end('a');
      await processor.ended;
      await pause();
      expect([store.stored(), store.closed()]).toEqual([['b'], 1]);
      expect((await record(restarted().process(() => undefined)).take(1)).map(show)).toEqual(['b done 1']);
    });
  });
});
