import { filter, firstValueFrom, map, of, Subject, tap, throwError, timer, type Observable } from 'rxjs';
import { OverflowError, UnsupportedError } from '../../../lib/message/errors.js';
import { createMessage, type MessageOptions } from '../../../lib/message/createMessage.js';
import type { ReceiptStatus } from '../../../lib/message/receipt.js';
import type { Message } from '../../../lib/message/types.js';
import { lmdbStore } from '../../../lib/stores/lmdb/lmdbStore.js';
import type { LmdbTransaction } from '../../../lib/stores/lmdb/lmdbTransaction.js';
import { ofType } from '../../../lib/operators/ofType.js';
import { consume, type Consumed, type ConsumeOptions } from '../../../lib/operators/consume/consume.js';
import type { DeadLetter } from '../../../lib/stores/deadLetterStore.js';
import { memoryOutbox } from '../../../lib/stores/memoryOutbox.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { folder } from '../../stores/lmdb/folder.js';
import { fakeInbox, type Write } from '../../support/fakeInbox.js';
import { operatorContract } from '../../support/operatorContract.js';
import { record } from '../../support/record.js';
import { pair, type PairOptions } from '../../support/sessionPair.js';

const boom = new Error('boom');
const failing = (): never => {
  throw boom;
};
const message = (id: string, options: MessageOptions = {}): Message => createMessage('test.any', id, { ...options, id });
const letters = (text: string): Message[] => Array.from(text, (id) => message(id));
const show = (one: Consumed<Message, unknown>): string => `${one.message.id} ${one.status} ${one.attempts}`;
const pause = (ms = 0): Promise<unknown> => firstValueFrom(timer(ms));
const idsOf = (wire: Wire, status: ReceiptStatus): Observable<string> =>
  wire.receipts$.pipe(
    filter((receipt) => receipt.status === status),
    map(({ id }) => id),
  );
const ended = (wire: Wire) => firstValueFrom(wire.state$.pipe(filter(({ isFinal }) => isFinal === true)));
const retry = { initialInterval: 1, maxInterval: 1 };

/** Handlers that end when the test says so. */
function handlers() {
  const running = new Map<string, Subject<unknown>>();
  const started: string[] = [];
  const left: string[] = [];
  const arrived$ = new Subject<void>();
  return {
    started,
    left,
    /** Resolves when so many were started. */
    begun: async (count: number): Promise<readonly string[]> => {
      while (started.length < count) await firstValueFrom(arrived$);
      return started;
    },
    handle: ({ id }: Message): Observable<unknown> => {
      const work$ = new Subject<unknown>();
      running.set(id, work$);
      started.push(id);
      arrived$.next();
      return work$.pipe(tap({ unsubscribe: () => left.push(id) }));
    },
    end: (...ids: string[]): void => ids.forEach((id) => running.get(id)!.complete()),
    fail: (id: string): void => running.get(id)!.error(boom),
  };
}

describe('consume', () => {
  operatorContract(() => consume(({ payload }: Message) => of(payload)), {
    value: (index) => message(String(index), { timestamp: 0 }),
    throwing: {
      deadLetter: (fail) => consume(() => throwError(() => boom), { retry: false, deadLetter: fail }),
    },
  });

  it.each<[what: string, returned: unknown, result: unknown]>([
    ['a number', 42, 42],
    ['a text', 'abc', 'abc'],
    ['bytes', new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    ['an object', { length: 3, name: 'x' }, { length: 3, name: 'x' }],
    ['a function', failing, failing],
    ['true', true, true],
    ['null', null, null],
    ['nothing', undefined, undefined],
    ['an array, of which the last value counts', [1, 2], 2],
  ])('calls a handler once that returns %s', (_, returned, result) => {
    const called: string[] = [];
    const { values } = record(
      of(message('a')).pipe(
        consume(({ id }: Message) => {
          called.push(id);
          return returned;
        }),
      ),
    );
    expect(called).toEqual(['a']);
    expect(values).toEqual([{ message: expect.anything(), status: 'done', attempts: 1, result }]);
  });

  it('waits for the end of an iterable, also of a generator', async () => {
    const steps: number[] = [];
    const { values } = record(
      of(message('a'), message('b')).pipe(
        consume<Message, number>(({ id }) =>
          id === 'a'
            ? (function* () {
                for (const step of [1, 2]) yield (steps.push(step), step);
              })()
            : (async function* () {
                for (const step of [3, 4]) yield (await pause(1), steps.push(step), step);
              })(),
        ),
      ),
    );
    await pause(30);
    expect(steps).toEqual([1, 2, 3, 4]);
    expect(values).toMatchObject([{ result: 2 }, { result: 4 }]);
  });

  const cleanups: (() => void)[] = [];
  afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

  function connected(options: PairOptions = {}) {
    const both = pair(options);
    cleanups.push(both.close);
    return both;
  }
  /** A client, and a server that consumes what it sends. */
  async function consuming<R, Tx>(
    handler: (one: Message) => Observable<R>,
    options: ConsumeOptions<Message, R, Tx> = {},
    rest: Omit<PairOptions, 'onServerWire'> = {},
  ) {
    const results: ReturnType<typeof record<Consumed<Message, R>>>[] = [];
    const onServerWire = (wire: Wire): void => void results.push(record(wire.pipe(consume(handler, { retry, ...options }))));
    const both = connected({ ...rest, onServerWire });
    const server = await both.serverWire();
    return { ...both, server, results, consumed: results[0]!, acked: record(idsOf(both.wire, 'acked')) };
  }

  it('acks a message when its handler has completed, and not before', async () => {
    const { handle, begun, end } = handlers();
    const { wire, consumed } = await consuming(handle);
    let isAcked = false;
    const sent = wire.send(message('a')).then(() => (isAcked = true));
    await begun(1);
    await pause(5);
    expect([isAcked, consumed.values]).toEqual([false, []]);
    end('a');
    await sent;
    expect(consumed.values.map(show)).toEqual(['a done 1']);
  });

  it('leaves messages of other types to others, and acks them as ever', async () => {
    const { handle, started } = handlers();
    const { wire, serverWire } = connected();
    const server = await serverWire();
    server.pipe(ofType('test.slow'), consume(handle)).subscribe();
    await wire.send(message('a'));
    expect(started).toEqual([]);
  });

  it('acks a message with two consumers when both are done', async () => {
    const [one, two] = [handlers(), handlers()];
    const { wire, server, acked } = await consuming(one.handle);
    server.pipe(consume(two.handle)).subscribe();
    wire.next(message('a'));
    await Promise.all([one.begun(1), two.begun(1)]);
    one.end('a');
    await pause(5);
    expect(acked.values).toEqual([]);
    two.end('a');
    expect(await acked.take(1)).toEqual(['a']);
  });

  it('consumes on the side of the client, too', async () => {
    const { wire, serverWire } = connected();
    const done = record(wire.pipe(consume(({ payload }) => of(payload))));
    const server = await serverWire();
    await server.send(message('a'));
    expect(done.values).toMatchObject([{ status: 'done', result: 'a', attempts: 1 }]);
  });

  it('starts handlers in order, as many at once as concurrency says', async () => {
    const { handle, begun, end, started } = handlers();
    const { wire, acked } = await consuming(handle, { concurrency: 2 });
    letters('abcd').forEach((one) => wire.next(one));
    await begun(2);
    await pause(5);
    expect(started).toEqual(['a', 'b']);
    end('b');
    await begun(3);
    end('c');
    await begun(4);
    end('d');
    await pause(5);
    expect(acked.values).toEqual([]); // an ack is for all up to a number
    end('a');
    expect(await acked.take(4)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('slows the sender: no more than the window is on its way', async () => {
    const { handle, begun, end, started } = handlers();
    const { wire } = await consuming(handle, {}, { server: { window: 4 } });
    const sent = record(idsOf(wire, 'sent'));
    letters('abcdefghij').forEach((one) => wire.next(one));
    await begun(1);
    await pause(10);
    expect(sent.values).toEqual(['a', 'b', 'c', 'd']);
    for (let count = 1; count <= 10; count++) end((await begun(count)).at(-1)!);
    expect(started.join('')).toBe('abcdefghij');
    await sent.take(10);
  });

  describe('a handler that fails', () => {
    it('is tried again before the next message has its turn', async () => {
      const tried: string[] = [];
      const { wire, consumed } = await consuming(({ id }) => {
        tried.push(id);
        return tried.length < 3 ? throwError(() => boom) : of(id);
      });
      letters('ab').forEach((one) => wire.next(one));
      expect((await consumed.take(2)).map(show)).toEqual(['a done 3', 'b done 1']);
      expect(tried).toEqual(['a', 'a', 'a', 'b']);
    });

    it('stores a dead letter after three retries, and the stream continues', async () => {
      const dead: DeadLetter[] = [];
      const poison = Object.assign(new Error('poison'), { code: 'ERR_POISON' });
      const { wire, consumed, acked } = await consuming(({ id }) => (id === 'a' ? throwError(() => poison) : of(id)), {
        deadLetter: (letter) => void dead.push(letter),
      });
      letters('ab').forEach((one) => wire.next(one));
      const [first, second] = await consumed.take(2);
      expect(first).toMatchObject({ status: 'dead', attempts: 4, error: poison });
      expect(second).toMatchObject({ status: 'done', result: 'b' });
      expect(await acked.take(2)).toEqual(['a', 'b']);
      expect(dead).toMatchObject([{ message: { id: 'a' }, reason: 'ERR_POISON', attempts: 4, at: expect.any(Number) }]);
    });

    it.each([
      ['an error', new Error('no luck'), 'no luck'],
      ['an error with a code', Object.assign(new Error('no'), { code: 'E' }), 'E'],
      ['a text', 'just so', 'just so'],
      ['nothing', undefined, 'undefined'],
    ])('may throw %s', async (_, thrown, reason) => {
      const dead = new Subject<DeadLetter>();
      const letter = firstValueFrom(dead);
      const fail = (): never => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- whatever is thrown
        throw thrown;
      };
      const { wire } = await consuming(fail, { retry: false, deadLetter: (one) => dead.next(one) });
      wire.next(message('a'));
      expect(await letter).toMatchObject({ reason, attempts: 1 });
    });

    it('is not acked before the dead letter is kept', async () => {
      const { handle, begun, end } = handlers();
      const { wire, acked } = await consuming(() => throwError(() => boom), {
        retry: false,
        deadLetter: ({ message: one }) => handle(one),
      });
      wire.next(message('a'));
      await begun(1);
      await pause(5);
      expect(acked.values).toEqual([]);
      end('a');
      await acked.take(1);
    });

    it('ends the stream, unacked, when its dead letter cannot be stored', async () => {
      const full = new Error('full');
      const { wire, consumed, acked } = await consuming(() => throwError(() => boom), {
        retry: false,
        deadLetter: () => throwError(() => full),
      });
      wire.next(message('a'));
      expect(await consumed.ended).toBe(full);
      await pause(5);
      expect(acked.values).toEqual([]);
    });
  });

  describe('that is unsubscribed', () => {
    it('ends its handlers, and leaves their messages unacked: the next server receives them again', async () => {
      const { handle, begun, left, started, end } = handlers();
      const { wire, consumed, restart, acked } = await consuming(handle, { concurrency: 2 });
      letters('abc').forEach((one) => wire.next(one));
      await begun(2);
      consumed.subscription.unsubscribe();
      expect(left).toEqual(['a', 'b']);
      await pause(5);
      expect(acked.values).toEqual([]);
      restart();
      await begun(4);
      end('a', 'b');
      await begun(5);
      end('c');
      expect(await acked.take(3)).toEqual(['a', 'b', 'c']);
      expect(started.join('')).toBe('ababc');
    });
  });

  describe('when the session has ended', () => {
    it('starts nothing more, and does not emit unacked messages', async () => {
      const { handle, begun, end, started } = handlers();
      const { wire, server, consumed } = await consuming(handle);
      letters('ab').forEach((one) => wire.next(one));
      await begun(1);
      server.complete();
      wire.complete();
      await ended(server);
      end('a');
      expect(await consumed.ended).toBe('complete');
      expect([started, consumed.values]).toEqual([['a'], []]);
    });

    it('neither retries messages that fail then nor stores dead letters', async () => {
      const { handle, begun, fail, started } = handlers();
      const dead: DeadLetter[] = [];
      const { wire, server, consumed } = await consuming(handle, { deadLetter: (letter) => void dead.push(letter) });
      wire.next(message('a'));
      await begun(1);
      server.complete();
      wire.complete();
      await ended(server);
      fail('a');
      expect(await consumed.ended).toBe('complete');
      expect([started, dead]).toEqual([['a'], []]);
    });
  });

  describe('with an inbox', () => {
    const write = (transaction: Write, { id }: Message): void => transaction(id);

    it('writes the effect in one transaction with the cursor, and emits when that is stored', async () => {
      const inbox = fakeInbox();
      const { wire, consumed, acked } = await consuming(
        (one) => of(one.payload),
        {
          effect: (transaction: Write, one, result) => transaction([one.id, result]),
        },
        { server: { inbox } },
      );
      wire.next(message('a'));
      await acked.take(1);
      expect(inbox.written).toEqual([['a', 'a']]);
      expect(inbox.commits).toMatchObject([{ cursor: { done: 1, finished: [] }, count: 1 }]);
      expect(consumed.values.map(show)).toEqual(['a done 1']);
    });

    it('takes an effect that throws for a failure of the handler: tried again, in order', async () => {
      const inbox = fakeInbox();
      let failures = 2;
      const { wire, consumed } = await consuming(
        ({ id }) => of(id),
        {
          effect: (transaction: Write, one) => {
            transaction(one.id);
            if (one.id === 'a' && failures-- > 0) throw boom;
          },
        },
        { server: { inbox } },
      );
      letters('ab').forEach((one) => wire.next(one));
      expect((await consumed.take(2)).map(show)).toEqual(['a done 3', 'b done 1']);
      expect(inbox.written).toEqual(['a', 'b']);
    });

    it('stores the dead letter in one transaction with the cursor, after an effect that keeps throwing', async () => {
      const inbox = fakeInbox();
      const { wire, consumed, acked } = await consuming(
        ({ id }) => of(id),
        {
          effect: (transaction: Write, one) => {
            transaction(one.id);
            if (one.id === 'a') throw boom;
          },
        },
        { server: { inbox } },
      );
      letters('ab').forEach((one) => wire.next(one));
      expect((await consumed.take(2)).map(show)).toEqual(['a dead 4', 'b done 1']);
      expect(await acked.take(2)).toEqual(['a', 'b']);
      expect(inbox.letters).toMatchObject([{ message: { id: 'a' }, reason: 'boom', attempts: 4 }]);
      expect([inbox.written, inbox.commits.map(({ cursor }) => cursor.done)]).toEqual([['b'], [2]]);
    });

    it('repeats a message with two consumers when the effect of one fails: all effects are stored once', async () => {
      const inbox = fakeInbox();
      let failures = 1;
      const effect = (transaction: Write, { id }: Message): void => {
        transaction(`one ${id}`);
        if (failures-- > 0) throw boom;
      };
      const { wire, server } = await consuming(({ id }) => of(id), { effect }, { server: { inbox } });
      const other = record(
        server.pipe(consume(({ id }) => of(id), { retry, effect: (transaction: Write, { id }) => transaction(`two ${id}`) })),
      );
      await wire.send(message('a'));
      expect(inbox.written).toEqual(['one a', 'two a']);
      expect(other.values.map(show)).toEqual(['a done 2']);
    });

    it('commits messages that are done together in one transaction, without effects', async () => {
      const inbox = fakeInbox();
      const { wire, acked } = await consuming(({ id }) => of(id), {}, { server: { inbox } });
      letters('abcdef').forEach((one) => wire.next(one));
      await acked.take(6);
      expect(inbox.commits.map(({ cursor }) => cursor.done)).toEqual([6]);
    });

    it('repeats nothing that was finished, in order or not, when the server dies', async () => {
      const inbox = fakeInbox();
      const first = handlers();
      const both = connected({
        server: { inbox },
        onServerWire: (wire) => void wire.pipe(consume(first.handle, { concurrency: 3, effect: write })).subscribe(),
      });
      const acked = record(idsOf(both.wire, 'acked'));
      letters('abcd').forEach((one) => both.wire.next(one));
      await first.begun(3);
      first.end('c', 'a');
      await acked.take(1);
      both.restart();
      await first.begun(6); // d had begun as well
      expect(first.started.slice(3)).toEqual(['d', 'b', 'd']);
      first.end('b', 'd');
      await acked.take(4);
      expect(inbox.written).toEqual(['c', 'a', 'b', 'd']);
    });

    it('commits messages of an earlier session to the cursor of that session', async () => {
      const inbox = fakeInbox();
      const { handle, begun, end } = handlers();
      const { wire, serverWire, restart } = connected({ client: { inbox } });
      const done = record(wire.pipe(consume(handle, { concurrency: 2, effect: write })));
      (await serverWire()).next(message('before'));
      await begun(1);
      restart(); // without a memory: what it sends has numbers from 1 on again
      const sent = (await serverWire(1)).send(message('after'));
      await begun(2);
      end('before');
      await done.take(1);
      end('after');
      await sent;
      expect(inbox.written).toEqual(['before', 'after']);
      // Each session begins with a commit of its own, of nothing.
      const [first, second] = inbox.commits.filter(({ cursor }) => cursor.done > 0);
      expect([first, second]).toMatchObject([{ cursor: { done: 1 } }, { cursor: { done: 1 } }]);
      expect(first!.pid).not.toBe(second!.pid);
    });

    it('writes the effect of a message that has no number', async () => {
      const inbox = fakeInbox();
      const { wire, consumed } = await consuming(({ id }) => of(id), { effect: write }, { server: { inbox } });
      await wire.send(message('a', { delivery: 'at-most-once' }));
      await consumed.take(1);
      expect([inbox.written, inbox.commits]).toMatchObject([['a'], [{ cursor: { done: 0, finished: [] } }]]);
    });

    it('works with LMDB: each order is booked once, though the server dies before it says so', async () => {
      const path = folder();
      const store = lmdbStore({ path });
      cleanups.push(store.close);
      const booked = store.table<number>('booked');
      const book = (transaction: LmdbTransaction, { id }: Message): void =>
        transaction.put(booked, id, (transaction.get(booked, id) ?? 0) + 1);
      const { wire, restart, acked, consumed } = await consuming(
        ({ id }) => of(id),
        { effect: book, concurrency: 8 },
        { server: { inbox: store.inbox }, client: { delivery: 'exactly-once', outbox: memoryOutbox() } },
      );
      const orders = letters('abcdefghijklmnopqrstuvwxyz');
      orders.forEach((one) => wire.next(one));
      await consumed.take(3);
      restart();
      expect((await acked.take(26)).join('')).toBe('abcdefghijklmnopqrstuvwxyz');
      expect(booked.entries()).toEqual(orders.map(({ id }) => [id, 1]));
    });
  });

  describe('when too many wait', () => {
    it('gives up a message above the limit at once, as dead, and continues', () => {
      const { handle, end } = handlers();
      const dead: DeadLetter[] = [];
      const source = new Subject<Message>();
      const consumed = record(source.pipe(consume(handle, { maxWaiting: 2, deadLetter: (letter) => void dead.push(letter) })));
      letters('abcd').forEach((one) => source.next(one));
      expect(consumed.values).toEqual([
        { message: expect.objectContaining({ id: 'd' }), attempts: 0, status: 'dead', error: new OverflowError('consume', 2) },
      ]);
      expect(dead).toMatchObject([{ message: { id: 'd' }, reason: 'ERR_OVERFLOW', attempts: 0 }]);
      end('a');
      source.next(message('e'));
      for (const id of 'bce') end(id);
      expect(consumed.values.map(show)).toEqual(['d dead 0', 'a done 1', 'b done 1', 'c done 1', 'e done 1']);
    });

    it('limits at-most-once messages, and loses no acked ones', async () => {
      const { handle, begun, end } = handlers();
      const { wire, consumed } = await consuming(handle, { maxWaiting: 4 }, { server: { window: 2 } });
      letters('abc').forEach((one) => wire.next(one));
      await begun(1);
      for (let index = 0; index < 10; index++) wire.next(message(String(index), { delivery: 'at-most-once' }));
      const lost = await consumed.take(7);
      expect(lost.map(show)).toEqual(['3', '4', '5', '6', '7', '8', '9'].map((id) => `${id} dead 0`));
      for (let count = 1; count <= 6; count++) end((await begun(count)).at(-1)!);
      const done = (await consumed.take(13)).slice(7).map(show);
      expect(done.filter((one) => one.endsWith('done 1'))).toHaveLength(6);
    });
  });

  it('refuses an effect where nothing can write it, without running the handler', async () => {
    const { handle, started } = handlers();
    const refused = new UnsupportedError('consume: "effect" needs a session with an inbox');
    const effect = (): void => undefined;
    const { wire, consumed } = await consuming(handle, { effect });
    wire.next(message('a'));
    expect(await consumed.ended).toEqual(refused);
    const alone = record(of(message('a')).pipe(consume(handle, { effect })));
    expect(await alone.ended).toEqual(refused);
    expect(started).toEqual([]);
  });

  it.each([0, -1, NaN])('refuses a concurrency of %d when called', (concurrency) => {
    expect(() => consume(() => undefined, { concurrency })).toThrow(
      new RangeError(`consume: "concurrency" must be > 0, got ${concurrency}`),
    );
  });

  it('refuses retries and a maxWaiting that cannot be when called', () => {
    expect(() => consume(() => undefined, { maxWaiting: -1 })).toThrow(new RangeError('consume: "maxWaiting" must be >= 0, got -1'));
    expect(() => consume(() => undefined, { retry: { maxRetries: -1 } })).toThrow(RangeError);
  });
});
