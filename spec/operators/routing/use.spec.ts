import { concat, EMPTY, filter, firstValueFrom, map, NEVER, of, Subject, throwError, timer, type Observable } from 'rxjs';
import { intercept, use, type Middleware, type UseOptions } from '../../../lib/operators/routing/use.js';
import { MiddlewareError, OverflowError, type RxwireError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { consume } from '../../../lib/operators/consume/consume.js';
import { operatorContract } from '../../support/operatorContract.js';
import { record } from '../../support/record.js';
import { pair } from '../../support/sessionPair.js';

const boom = new Error('boom');
const message = (id: string, type = 'test.any'): Message => createMessage(type, id, { id, timestamp: 0 });
const letters = (text: string): Message[] => Array.from(text, (id) => message(id));
const pause = (ms = 0): Promise<unknown> => firstValueFrom(timer(ms));
const ids = map(({ id }: Message) => id);

describe('use', () => {
  operatorContract(() => use(() => undefined), {
    value: (index) => message(String(index)),
    throwing: { onError: (fail) => use(() => throwError(() => boom), { onError: fail }) },
  });
  operatorContract(() => use((one) => of(one)), {
    value: (index) => message(String(index)),
    throwing: {
      onError: (fail) =>
        use(
          () => {
            throw boom;
          },
          { onError: fail },
        ),
    },
  });

  const cleanups: (() => void)[] = [];
  afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

  function used(middleware: Middleware, options: UseOptions = {}) {
    const source = new Subject<Message>();
    const failed: { readonly error: RxwireError; readonly message: Message }[] = [];
    const recording = record(
      source.pipe(use(middleware, { onError: (error, message) => void failed.push({ error, message }), ...options }), ids),
    );
    return { ...recording, source, failed, send: (text: string) => letters(text).forEach((one) => source.next(one)) };
  }

  it('lets a message go on, or another one in its place, or none', () => {
    const { values, send } = used(({ id }) => ({ a: undefined, b: message('B'), c: null })[id]);
    send('abc');
    expect(values).toEqual(['a', 'B']);
  });

  it('accepts the same results asynchronously', async () => {
    const answers: Record<string, Observable<Message | null | undefined> | Promise<Message | undefined>> = {
      ...{ a: Promise.resolve(undefined), b: of(message('B'), message('C')), c: EMPTY, d: of(null) },
      ...{ e: Promise.resolve(message('E')), f: concat(of(message('F')), NEVER) },
    };
    const { take, values, send, source } = used(({ id }) => answers[id]);
    send('abcdef');
    await take(4);
    source.complete();
    expect(values).toEqual(['a', 'B', 'E', 'F']);
  });

  it('does everything at once that can be done at once', () => {
    const { values, send } = used(() => undefined);
    send('a');
    expect(values).toEqual(['a']);
  });

  it('keeps the order, and does not call the middleware for waiting messages', () => {
    const slow = new Subject<undefined>();
    const called: string[] = [];
    const { values, send, source, isOver } = used(({ id }) => {
      called.push(id);
      return id === 'a' ? slow : undefined;
    });
    send('abc');
    source.complete();
    expect([values, called, isOver()]).toEqual([[], ['a'], false]);
    slow.next(undefined);
    expect([values, called, isOver()]).toEqual([['a', 'b', 'c'], ['a', 'b', 'c'], true]);
  });

  it('keeps the order for a message that arrives while waiting messages are delivered', () => {
    const slow = new Subject<undefined>();
    const source = new Subject<Message>();
    const values: string[] = [];
    source.pipe(use(({ id }) => (id === 'a' ? slow : undefined))).subscribe(({ id }) => {
      values.push(id);
      if (id === 'a') source.next(message('c'));
    });
    source.next(message('a'));
    source.next(message('b'));
    slow.next(undefined);
    expect(values).toEqual(['a', 'b', 'c']);
  });

  it('reports a message whose middleware fails, and continues', () => {
    const { values, failed, send } = used(({ id }) => {
      if (id === 'a') throw boom;
      return id === 'b' ? throwError(() => boom) : undefined;
    });
    send('abc');
    expect([values, failed]).toEqual([
      ['c'],
      [
        { message: message('a'), error: new MiddlewareError(message('a'), boom) },
        { message: message('b'), error: new MiddlewareError(message('b'), boom) },
      ],
    ]);
  });

  it('reports a middleware that returns an invalid result', () => {
    const { failed, send } = used(() => ({ text: 'hello' }) as never);
    send('a');
    expect(failed).toMatchObject([{ error: { cause: expect.any(TypeError) } }]);
  });

  it('limits the waiting messages', () => {
    const { failed, send } = used(() => NEVER, { maxWaiting: 2 });
    send('abcd');
    expect(failed).toEqual([{ message: message('d'), error: new OverflowError('use', 2) }]);
  });

  it('passes ten thousand that have waited, one after the other', () => {
    const slow = new Subject<undefined>();
    const { values, source } = used(({ id }) => (id === '0' ? slow : of(undefined)));
    for (let n = 0; n < 10_000; n++) source.next(message(String(n)));
    slow.next(undefined);
    expect(values).toHaveLength(10_000);
  });

  describe('the metadata of a context', () => {
    const user = use(({ id }, { metadata }) => void (metadata['user'] = `user of ${id}`));

    it('is shared by the middlewares that a message passes, and by no other message', () => {
      const seen: unknown[] = [];
      const look = (name: string) => use(({ id }, { metadata }) => void seen.push([name, id, metadata['user']]));
      of(message('a'), message('b'))
        .pipe(
          look('before'),
          user,
          look('after'),
          intercept('test.*', (_, { metadata }) => void seen.push(metadata['user'])),
        )
        .subscribe();
      expect(seen).toEqual([
        ['before', 'a', undefined],
        ['after', 'a', 'user of a'],
        'user of a',
        ['before', 'b', undefined],
        ['after', 'b', 'user of b'],
        'user of b',
      ]);
    });

    it('stays with a message that replaces another one, also after a while, and is not part of the message', async () => {
      const seen: unknown[] = [];
      const { values, ended } = record(
        of(message('a')).pipe(
          user,
          use((one) => timer(1).pipe(map(() => ({ ...one, payload: 'other' })))),
          use(({ payload }, { metadata }) => void seen.push([payload, metadata['user']])),
        ),
      );
      await ended;
      expect(seen).toEqual([['other', 'user of a']]);
      expect(values).toEqual([{ ...message('a'), payload: 'other' }]);
    });

    it('may be used after the call', async () => {
      const seen: unknown[] = [];
      const stream = record(
        of(message('a')).pipe(
          use(async (_, context) => {
            await pause(1);
            context.metadata['late'] = true;
          }),
          use((_, { metadata }) => void seen.push(metadata)),
        ),
      );
      await stream.ended;
      expect(seen).toEqual([{ late: true }]);
    });
  });

  it('refuses a bound that is none', () => {
    expect(() => use(() => null, { maxWaiting: 0 })).toThrow(RangeError);
  });

  function connected(onServerWire: (messages$: Observable<Message>) => void) {
    const both = pair({ onServerWire });
    cleanups.push(both.close);
    const acked = record(
      both.wire.receipts$.pipe(
        filter(({ status }) => status === 'acked'),
        map(({ id }) => id),
      ),
    );
    return { ...both, acked };
  }

  it('acks a message when the middleware and the following operators are done', async () => {
    const [checked, done] = [new Subject<undefined>(), new Subject<void>()];
    const consumed: string[] = [];
    const { wire, acked } = connected((messages$) =>
      messages$
        .pipe(
          use(() => checked),
          consume(() => done),
        )
        .subscribe((one) => consumed.push(one.message.id)),
    );
    wire.next(message('a'));
    await pause(10);
    expect(acked.values).toEqual([]);
    checked.next(undefined);
    await pause(10);
    expect(acked.values).toEqual([]);
    done.complete();
    expect(await acked.take(1)).toEqual(['a']);
    expect(consumed).toEqual(['a']);
  });

  it('acks a message that the middleware stops, and one that fails', async () => {
    const { wire, acked } = connected((messages$) =>
      messages$.pipe(use(({ id }) => (id === 'a' ? timer(1).pipe(map(() => null)) : throwError(() => boom)))).subscribe(),
    );
    letters('ab').forEach((one) => wire.next(one));
    expect(await acked.take(2)).toEqual(['a', 'b']);
  });

  it('stands in front of a wire as well', async () => {
    const { wire, serverWire } = connected(() => undefined);
    const received = record((await serverWire()).pipe(map(({ headers }) => headers?.['trace'])));
    const stamp = use((one) => timer(1).pipe(map(() => ({ ...one, headers: { trace: `t${one.id}` } }))));
    const outgoing = new Subject<Message>();
    outgoing.pipe(stamp).subscribe(wire);
    letters('ab').forEach((one) => outgoing.next(one));
    expect(await received.take(2)).toEqual(['ta', 'tb']);
  });
});

describe('intercept', () => {
  it('sees the messages that match, and lets the others go on in their order', () => {
    const slow = new Subject<undefined>();
    const source = new Subject<Message>();
    const seen: string[] = [];
    const { values } = record(
      source.pipe(
        intercept('file.*', ({ id }) => {
          seen.push(id);
          return slow;
        }),
        ids,
      ),
    );
    for (const [id, type] of Object.entries({ a: 'chat.said', b: 'file.change', c: 'chat.said' })) source.next(message(id, type));
    expect([values, seen]).toEqual([['a'], ['b']]);
    slow.next(undefined);
    expect(values).toEqual(['a', 'b', 'c']);
  });

  it.each(['a*b', '', 'a\n'])('refuses the pattern %j', (pattern) => {
    expect(() => intercept(pattern, () => null)).toThrow(RangeError);
  });
});
