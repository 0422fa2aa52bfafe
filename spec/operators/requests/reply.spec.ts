import { jest } from '@jest/globals';
import {
  concat,
  config,
  EMPTY,
  from,
  map,
  NEVER,
  Observable,
  of,
  pipe,
  range,
  Subject,
  throwError,
  timer,
  type ObservableInput,
  type Subscriber,
} from 'rxjs';
import { reply } from '../../../lib/operators/requests/reply.js';
import type { ReplyHandler, ReplyOptions } from '../../../lib/operators/requests/requestTypes.js';
import {
  EncodeError,
  HandlerError,
  MessageDroppedError,
  OverflowError,
  ReplyError,
  WireClosedError,
  type RxwireError,
} from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Receipt } from '../../../lib/message/receipt.js';
import type { Message } from '../../../lib/message/types.js';
import { operatorContract } from '../../support/operatorContract.js';
import { record } from '../../support/record.js';

const boom = new Error('boom: /etc/secret');
const ask = (id: string, type = 'ask'): Message => createMessage<string, unknown>(type, id, { id, timestamp: 0 });
const cancel = (id: string): Message => createMessage('request.cancel', null, { correlationId: id });
const failing = (): never => {
  throw boom;
};
const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('reply', () => {
  operatorContract(
    () =>
      pipe(
        reply({ ask: ({ id }) => of(id) }),
        map(({ payload }) => payload),
      ),
    {
      value: (index) => ask(String(index)),
      throwing: {
        onError: (onError) => reply({ ask: failing }, { onError }),
        describe: (describe) => reply({ ask: failing }, { describe }),
      },
    },
  );

  function answered(handler: ReplyHandler<'ask'>, options: ReplyOptions = {}) {
    const source = new Subject<Message>();
    const failed: { readonly error: RxwireError; readonly message: Message }[] = [];
    const recording = record(
      source.pipe(reply({ ask: handler }, { onError: (error, message) => void failed.push({ error, message }), ...options })),
    );
    return {
      ...{ ...recording, source, failed },
      ask: (...ids: string[]) => ids.forEach((id) => source.next(ask(id))),
      said: () =>
        recording.values.map(({ type, payload, metadata }) => [type, payload, ...(metadata ? [Number(metadata.deliveryTag)] : [])]),
    };
  }

  it('reports to the wire the errors that the caller does not receive', () => {
    const told: unknown[] = [];
    const wire = { report: (error: RxwireError) => void told.push(error) };
    const { ask } = answered(failing, { wire });
    ask('q');
    const meant = answered(() => throwError(() => new ReplyError('ERR_NO', 'no')), { wire });
    meant.ask('r');
    expect(told).toEqual([new HandlerError({ id: 'q', type: 'ask' }, 1, boom)]);
    expect((told[0] as Error).cause).toBe(boom);
  });

  it.each([
    ['that the caller receives', new OverflowError('reply', 1)],
    ['that it does not', boom],
  ])('reports to the wire a promise of onError that rejects, for an error %s', async (_, error) => {
    const told: unknown[] = [];
    const wire = { report: (reported: RxwireError) => void told.push(reported) };
    const onError = (() => Promise.reject(new Error('onError'))) as () => void;
    const { ask } = answered(() => throwError(() => error), { wire, onError });
    ask('q');
    await pause();
    expect(told.at(-1)).toMatchObject({ code: 'ERR_HANDLER', cause: new Error('onError') });
  });

  it('gives each reply an id of its own, also those of several streams', () => {
    const streams = [answered(() => of('a', 'b')), answered(() => of('a', 'b'))];
    for (const { ask } of streams) ask('q', 'r');
    expect(new Set(streams.flatMap(({ values }) => values.map(({ id }) => id))).size).toBe(8);
  });

  it('sends replies to the requester, with the priority of the request', () => {
    const { source, values } = answered(() => of('a'));
    source.next({ ...ask('q'), priority: 2, replyTo: 'there' });
    expect(values).toMatchObject([{ type: 'reply.last', payload: 'a', correlationId: 'q', priority: 2, target: 'there' }]);
  });

  it.each<[string, () => unknown, unknown[]]>([
    ['a value at once', () => of('a'), [['reply.last', 'a']]],
    ['a promise', () => Promise.resolve('a'), [['reply.last', 'a']]],
    ['a string, not its letters', () => 'abc', [['reply.last', 'abc']]],
    ['a number', () => 42, [['reply.last', 42]]],
    ['null', () => null, [['reply.last', null]]],
    ['no value', () => undefined, [['reply.last', undefined]]],
    ['an object, also one with a length', () => ({ length: 2 }), [['reply.last', { length: 2 }]]],
    ['bytes', () => new Uint8Array([1, 2]), [['reply.last', new Uint8Array([1, 2])]]],
    [
      'an array',
      () => ['a', 'b'],
      [
        ['reply', 'a', 0],
        ['reply.last', 'b', 1],
      ],
    ],
    ['nothing', () => EMPTY, [['reply.complete', null, 0]]],
    [
      'what completes later',
      () => timer(0),
      [
        ['reply', 0, 0],
        ['reply.complete', null, 1],
      ],
    ],
    ['what never completes', () => from([NEVER]), [['reply.last', NEVER]]],
    ['undefined', () => of(undefined), [['reply.last', undefined]]],
  ])('numbers the replies: %s', async (_, handler, expected) => {
    const { ask, said, take } = answered(handler);
    ask('q');
    await take(expected.length);
    await pause();
    expect(said()).toEqual(expected);
  });

  it.each<[string, () => ObservableInput<unknown>]>([
    ['a throw', failing],
    ['a rejection', () => Promise.reject(boom)],
    ['an error', () => throwError(() => boom)],
    ['a stream that cannot be subscribed to', () => ({ getReader: 7 }) as never],
  ])('reveals nothing internal of %s', async (_, handler) => {
    const { ask, said, failed, take } = answered(handler);
    ask('q');
    await take(1);
    expect(said()).toEqual([['reply.error', { code: 'ERR_INTERNAL', message: 'the request failed' }]]);
    expect(failed).toMatchObject([{ message: { id: 'q' }, error: { code: 'ERR_HANDLER', cause: expect.any(Error) } }]);
  });

  it('hides the texts of platform errors, which contain paths and names', async () => {
    const { ask, said, take } = answered(() => import('node:fs/promises').then(({ readFile }) => readFile('/nowhere/secret', 'utf8')));
    ask('q');
    await take(1);
    expect(JSON.stringify(said())).not.toContain('secret');
  });

  it.each([
    [new ReplyError('ERR_NOPE', 'no'), { code: 'ERR_NOPE', message: 'no' }],
    [new OverflowError('kitchen', 3), { code: 'ERR_OVERFLOW', message: 'kitchen: the limit of 3 is reached' }],
  ])('sends the public part of an error: %s', (error, payload) => {
    const { ask, said } = answered(() => throwError(() => error));
    ask('q');
    expect(said()).toEqual([['reply.error', payload]]);
  });

  it('sends the text that the application returns for its errors', () => {
    const { ask, said } = answered(failing, { describe: (error) => ({ code: 'ERR_MINE', message: String(error === boom) }) });
    ask('q');
    expect(said()).toEqual([['reply.error', { code: 'ERR_MINE', message: 'true' }]]);
  });

  it('sends the replies before an error', () => {
    const { ask, said } = answered(() =>
      concat(
        of(1, 2, 3),
        throwError(() => boom),
      ),
    );
    ask('q');
    expect(said()).toEqual([
      ['reply', 1, 0],
      ['reply', 2, 1],
      ['reply', 3, 2],
      ['reply.error', { code: 'ERR_INTERNAL', message: 'the request failed' }],
    ]);
  });

  it('ignores other messages, including types named like properties of every object', () => {
    const { source, values } = answered(() => of(1));
    for (const type of ['other', 'toString', '__proto__', 'constructor']) source.next(ask('q', type));
    expect(values).toEqual([]);
  });

  it('runs a repeated request once, while it runs and while it waits', () => {
    const called: string[] = [];
    const work = new Subject<string>();
    const { ask, source, said } = answered(
      ({ id }) => {
        called.push(id);
        return work;
      },
      { concurrency: 1 },
    );
    ask('a', 'a', 'b', 'b', 'a');
    expect(called).toEqual(['a']);
    source.next(cancel('a'));
    expect(called).toEqual(['a', 'b']);
    work.next('r');
    expect(said()).toEqual([['reply', 'r', 0]]);
  });

  it('cancels a waiting and a running request, and no other', () => {
    const works: Record<string, Subject<void>> = { a: new Subject(), b: new Subject(), c: new Subject() };
    const { ask, source, values } = answered(({ id }) => works[id]!, { concurrency: 1 });
    ask('a', 'b', 'c');
    source.next(cancel('b'));
    source.next(cancel('nobody'));
    source.next(cancel('a'));
    expect(Object.values(works).map(({ observed }) => observed)).toEqual([false, false, true]);
    expect(values).toEqual([]);
  });

  it('aborts the signal of a cancelled request, also when it is read afterwards', () => {
    const contexts: { readonly signal: AbortSignal }[] = [];
    const { ask, source } = answered((_, context) => {
      contexts.push(context);
      return NEVER;
    });
    ask('a', 'b');
    const { signal } = contexts[0]!;
    expect(signal.aborted).toBe(false);
    source.next(cancel('a'));
    source.next(cancel('b'));
    expect([signal.aborted, contexts[0]!.signal, contexts[1]!.signal.aborted]).toEqual([true, signal, true]);
  });

  it('does not abort the signal of an answered request', () => {
    let signal: AbortSignal | undefined;
    const { ask, subscription } = answered((_, context) => {
      ({ signal } = context);
      return of(1);
    });
    ask('a');
    subscription.unsubscribe();
    expect(signal?.aborted).toBe(false);
  });

  it('stops a synchronous infinite handler when the request is cancelled', () => {
    const source = new Subject<Message>();
    const values: unknown[] = [];
    source.pipe(reply({ ask: () => range(0, Infinity) })).subscribe(({ payload }) => {
      values.push(payload);
      if (payload === 3) source.next(cancel('q'));
    });
    source.next(ask('q'));
    expect(values).toEqual([0, 1, 2, 3]);
  });

  describe('the teardown of a handler that throws', () => {
    const errors: unknown[] = [];
    beforeEach(() => void (config.onUnhandledError = (error) => errors.push(error)));
    afterEach(async () => {
      // RxJS reports it in a task of its own, or throws it to the handler.
      await new Promise((resolve) => setTimeout(resolve));
      config.onUnhandledError = null;
      expect(errors.splice(0)).toMatchObject([{ errors: [boom] }]);
    });
    const attempt = (action: () => void): void => {
      try {
        action();
      } catch (error) {
        errors.push(error);
      }
    };

    it.each<[how: string, end: (work: Subscriber<unknown>, source: Subject<Message>) => void]>([
      ['has completed', (work) => work.complete()],
      ['has failed', (work) => work.error(boom)],
      ['is cancelled', (_, source) => source.next(cancel('a'))],
    ])('does not keep the next request from running when the handler %s', (_, end) => {
      const works: Subscriber<unknown>[] = [];
      const handler = ({ id }: Message) =>
        new Observable((to) => {
          works.push(to);
          return id === 'a' ? failing : undefined;
        });
      const { ask, source } = answered(handler, { concurrency: 1 });
      ask('a', 'b');
      expect(works).toHaveLength(1);
      attempt(() => end(works[0]!, source));
      expect(works).toHaveLength(2);
    });

    it('does not keep the signal of a cancelled handler from aborting', () => {
      let signal: AbortSignal | undefined;
      const { ask, source } = answered((_, context) => {
        ({ signal } = context);
        return new Observable(() => failing);
      });
      ask('a');
      attempt(() => source.next(cancel('a')));
      expect(signal?.aborted).toBe(true);
    });
  });

  it('stops all handlers when it is unsubscribed, also when the teardown of one throws', () => {
    const stopped: string[] = [];
    const handler = ({ id }: Message) =>
      new Observable(() => () => {
        stopped.push(id);
        if (id === 'a') throw boom;
      });
    const { ask, subscription } = answered(handler);
    ask('a', 'b');
    expect(() => subscription.unsubscribe()).toThrow('boom');
    expect(stopped).toEqual(['a', 'b']);
  });

  it('answers thousands that have waited, without a stack that grows', () => {
    const first = new Subject<void>();
    const { ask, values } = answered(({ id }) => (id === '0' ? first : of(id)), { concurrency: 1, maxWaiting: 20_000 });
    for (let id = 0; id < 20_000; id++) ask(String(id));
    first.complete();
    expect(values).toHaveLength(20_000);
    expect(values.at(-1)?.payload).toBe('19999');
  });

  it('says nothing of progress once it is answered or cancelled', () => {
    const contexts: { readonly progress: (value: unknown) => void }[] = [];
    const { ask, source, said } = answered(({ id }, context) => {
      contexts.push(context);
      return id === 'a' ? EMPTY : NEVER;
    });
    ask('a', 'b');
    source.next(cancel('b'));
    contexts.forEach(({ progress }) => progress(1));
    expect(said()).toEqual([['reply.complete', null, 0]]);
  });

  describe('a reply that cannot be sent', () => {
    function withFailures(handler: ReplyHandler<'ask'>) {
      const failures$ = new Subject<Receipt>();
      const isPending = jest.fn(() => true);
      const answering = answered(handler, { wire: { failures$, isPending } });
      const dead = (index: number, error: Error): void => failures$.next({ id: answering.values[index]!.id, status: 'dead', error });
      return { ...answering, isPending, dead };
    }
    const error = new EncodeError('json', 'a function');

    it('is an error to the caller, and ends the answer', () => {
      const work = new Subject<unknown>();
      const { ask, said, dead, failed } = withFailures(() => work);
      ask('q');
      work.next('bad');
      dead(0, error);
      expect([said().at(-1), work.observed]).toEqual([['reply.error', { code: 'ERR_ENCODE', message: error.text }], false]);
      expect(failed).toMatchObject([{ message: { id: 'q' }, error }]);
    });

    it('is so also when it was the last', () => {
      const { ask, said, dead } = withFailures(() => of('bad'));
      ask('q');
      dead(0, error);
      expect(said().map(([type]) => type)).toEqual(['reply.last', 'reply.error']);
    });

    it('is so where it was dropped', () => {
      const { ask, said, dead } = withFailures(() => of('a'));
      ask('q');
      dead(0, new MessageDroppedError('x', 'expired'));
      expect(said().at(-1)).toMatchObject(['reply.error', { code: 'ERR_DROPPED' }]);
    });

    it.each([new MessageDroppedError('x', 'overflow'), new OverflowError('the outbox', 1)])(
      'only ends the answer where the queue is full, as an error would need room, too: %s',
      (full) => {
        const work = new Subject<unknown>();
        const { ask, said, dead } = withFailures(() => work);
        ask('q');
        work.next('a');
        dead(0, full);
        expect([said().map(([type]) => type), work.observed]).toEqual([['reply'], false]);
      },
    );

    it('is forgotten when it has arrived', () => {
      const { ask, said, dead, isPending } = withFailures(() => of('a'));
      for (let count = 0; count < 64; count++) ask(`${count}`);
      isPending.mockReturnValue(false);
      ask('q');
      expect(isPending).toHaveBeenCalledTimes(64);
      dead(0, error);
      expect(said()).toHaveLength(65);
      dead(64, error);
      expect(said()).toHaveLength(66);
    });

    it('is forgotten after 64 further replies over a wire without isPending', () => {
      const failures$ = new Subject<Receipt>();
      const { ask, said, values } = answered(() => of('a'), { wire: { failures$ } });
      const dead = (index: number): void => failures$.next({ id: values[index]!.id, status: 'dead', error });
      for (let count = 0; count <= 64; count++) ask(`${count}`);
      dead(0);
      expect(said()).toHaveLength(65);
      dead(64);
      dead(63);
      expect(said().slice(65)).toMatchObject([
        ['reply.error', { code: 'ERR_ENCODE' }],
        ['reply.error', { code: 'ERR_ENCODE' }],
      ]);
    });

    it('is nothing when the wire has ended', () => {
      const { ask, said, dead } = withFailures(() => of('a'));
      ask('a', 'b');
      dead(0, new WireClosedError('x'));
      dead(1, new MessageDroppedError('x', 'closed'));
      expect(said()).toHaveLength(2);
    });

    it('is replaced by its reason, once, if it is an error itself', () => {
      const { ask, said, dead } = withFailures(() => throwError(() => new ReplyError('ERR_MINE', 1n as never)));
      ask('q');
      dead(0, error);
      const reason = ['reply.error', { code: 'ERR_ENCODE', message: error.text }];
      expect(said().slice(1)).toEqual([reason]);
      dead(1, error);
      expect(said()).toHaveLength(2);
    });
  });

  it('leaves no timer behind', () => {
    jest.useFakeTimers();
    const { ask, subscription } = answered((_, { progress }) => {
      progress(1);
      progress(2);
      return NEVER;
    });
    ask('q');
    expect(jest.getTimerCount()).toBe(1);
    subscription.unsubscribe();
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it.each([{ concurrency: 0 }, { maxWaiting: -1 }, { progressInterval: 0 }])('refuses %j', (options) => {
    expect(() => reply({}, options)).toThrow(RangeError);
  });
});
