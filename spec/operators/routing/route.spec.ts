import { concatMap, config, delay, EMPTY, filter, firstValueFrom, map, NEVER, of, Subject, throwError, timer } from 'rxjs';
import { route, type RouteOptions, createRouter } from '../../../lib/operators/routing/route.js';
import { use } from '../../../lib/operators/routing/use.js';
import { HandlerError, OverflowError, type RxwireError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import type { DeadLetter } from '../../../lib/stores/deadLetterStore.js';
import { operatorContract } from '../../support/operatorContract.js';
import { record } from '../../support/record.js';
import { pair } from '../../support/sessionPair.js';
import { eventually } from '../../support/eventually.js';

const boom = new Error('boom');
const message = (type: string, id = type): Message => createMessage(type, null, { id, timestamp: 0 });
const pause = (ms = 0): Promise<unknown> => firstValueFrom(timer(ms));
const retry = { initialInterval: 1, maxInterval: 1 };
const ids = map(({ id }: Message) => id);
const failing = (): never => {
  throw boom;
};

describe('route', () => {
  operatorContract(() => route({ 'a.*': () => undefined }), { value: (index) => message(`a.${index}`) });
  operatorContract(() => route({ 'a.*': () => of(1) }), {
    value: (index) => message(`a.${index}`),
    throwing: {
      deadLetter: (deadLetter) => route({ 'a.*': failing }, { retry: false, deadLetter }),
      onError: (onError) => route({ 'a.*': failing }, { retry: false, onError }),
      onUnhandled: (onUnhandled) => route({}, { onUnhandled }),
    },
  });

  const cleanups: (() => void)[] = [];
  afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

  function routed(routes: Parameters<typeof route<string>>[0], options: RouteOptions = {}) {
    const source = new Subject<Message>();
    const dead: (readonly [RxwireError, id: string])[] = [];
    const unhandled: string[] = [];
    const listeners = {
      onError: (error: RxwireError, { id }: Message) => void dead.push([error, id]),
      onUnhandled: ({ id }: Message) => void unhandled.push(id),
    };
    const recording = record(source.pipe(route(routes, { retry, ...listeners, ...options }), ids));
    return { ...recording, source, dead, unhandled, send: (...types: string[]) => types.forEach((type) => source.next(message(type))) };
  }

  it('runs all handlers that match, in the order of the map, those of patterns last', () => {
    const called: string[] = [];
    const call = (name: string) => () => void called.push(name);
    const { send } = routed(
      { '**': call('**'), 'a.b': call('a.b'), 'a.*': call('a.*'), b: call('b') },
      { patterns: [[/^a/, call('/^a/')]] },
    );
    send('a.b');
    expect(called).toEqual(['**', 'a.b', 'a.*', '/^a/']);
  });

  it.each<[string, (rejecting: () => void) => RouteOptions]>([
    ['onUnhandled', (onUnhandled) => ({ onUnhandled })],
    ['onRetry', (onRetry) => ({ retry: { ...retry, onRetry } })],
  ])('reports the promise of %s that rejects, and goes on', async (callback, options) => {
    const uncaught = new Promise((resolve) => (config.onUnhandledError = resolve));
    cleanups.push(() => (config.onUnhandledError = null));
    const rejecting: () => unknown = () => Promise.reject(boom);
    const { send, values } = routed({ a: failing, b: () => undefined }, options(rejecting));
    send('a', 'none');
    expect(await uncaught).toMatchObject({ code: 'ERR_CALLBACK', callback, cause: boom });
    send('b');
    expect(values).toContain('b');
  });

  it.each([42, 'abc', { length: 3 }, failing, true])('calls a handler once that returns %p, and is done at once', (returned) => {
    const called: string[] = [];
    const { send, values, dead } = routed({
      'a.*': ({ id }) => {
        called.push(id);
        return returned;
      },
    });
    send('a.b');
    expect([called, values, dead]).toEqual([['a.b'], ['a.b'], []]);
  });

  it('runs them concurrently, and emits a message when the last one is done', () => {
    const [first, second] = [new Subject<void>(), new Subject<void>()];
    const { values, send } = routed({ a: () => first, 'a*': () => second, 'b.b': () => undefined });
    send('a', 'b.b');
    expect([first.observed, second.observed, values]).toEqual([true, true, ['b.b']]);
    second.complete();
    expect(values).toEqual(['b.b']);
    first.complete();
    expect(values).toEqual(['b.b', 'a']);
  });

  it('reports unhandled messages, and does not emit them', () => {
    const { values, unhandled, send } = routed({ a: () => undefined });
    send('a', 'b', '__proto__', 'constructor');
    expect([values, unhandled]).toEqual([['a'], ['b', '__proto__', 'constructor']]);
  });

  it('does not report the messages of `request` and `reply`, unless a route handles them', () => {
    const { values, unhandled, send } = routed({ 'reply.error': () => undefined });
    send('reply', 'reply.last', 'reply.error', 'request.cancel', 'reply.other');
    expect([values, unhandled]).toEqual([['reply.error'], ['reply.other']]);
  });

  it('tries a handler that fails again, alone', async () => {
    const called: string[] = [];
    let left = 2;
    const { take, send, dead } = routed({
      a: () => {
        called.push('a');
        return left-- > 0 ? throwError(() => boom) : EMPTY;
      },
      '*': () => void called.push('*'),
    });
    send('a');
    await take(1);
    expect([called, dead]).toEqual([['a', '*', 'a', 'a'], []]);
  });

  it('gives up a handler after its retries, reports the reason, and continues', async () => {
    const letters: DeadLetter[] = [];
    const { take, send, dead } = routed(
      { 'a.*': failing, 'a.b': () => Promise.reject(boom), c: () => undefined },
      { retry: { ...retry, maxRetries: 1 }, deadLetter: (letter) => void letters.push(letter) },
    );
    send('a.b', 'c');
    await take(2);
    const failure = new HandlerError(message('a.b'), 2, boom);
    expect(dead).toEqual([
      [failure, 'a.b'],
      [failure, 'a.b'],
    ]);
    expect(letters).toMatchObject([
      { reason: 'boom', attempts: 2 },
      { reason: 'boom', attempts: 2 },
    ]);
  });

  it('bounds the handlers that are at work', () => {
    const work = new Subject<void>();
    const { send, dead, values, source } = routed({ '*': () => work }, { maxRunning: 2 });
    send('a', 'b', 'c');
    expect(dead).toEqual([[new OverflowError('route', 2), 'c']]);
    work.complete();
    source.next(message('d'));
    expect(values).toEqual(['c', 'a', 'b', 'd']);
  });

  it('ends running handlers with its subscription', () => {
    const work = new Subject<void>();
    const { send, subscription } = routed({ a: () => work });
    send('a');
    subscription.unsubscribe();
    expect(work.observed).toBe(false);
  });

  it.each([{ maxRunning: 0 }, { retry: { maxRetries: -1 } }])('refuses %j', (options) => {
    expect(() => route({}, options)).toThrow(RangeError);
  });

  it('refuses an invalid pattern', () => {
    expect(() => route({ 'a*b': () => undefined })).toThrow(RangeError);
  });

  function connected(operator: ReturnType<typeof route>) {
    const both = pair({ onServerWire: (wire) => void wire.pipe(operator).subscribe() });
    cleanups.push(both.close);
    const acked = record(
      both.wire.receipts$.pipe(
        filter(({ status }) => status === 'acked'),
        map(({ id }) => id),
      ),
    );
    return { ...both, acked };
  }

  it('acks a message when all of its handlers are done, and an unhandled message at once', async () => {
    const [first, second] = [new Subject<void>(), new Subject<void>()];
    const { wire, acked } = connected(route({ a: () => first, 'a*': () => second, 'b.b': () => undefined }));
    await wire.send(message('x.y'));
    await wire.send(message('b.b'));
    wire.next(message('a'));
    await pause(10);
    first.complete();
    await pause(10);
    expect(acked.values).toEqual(['x.y', 'b.b']);
    second.complete();
    expect((await acked.take(3))[2]).toBe('a');
  });

  it('acks behind a middleware that takes its time as well', async () => {
    const done = new Subject<void>();
    const slowly = use((one) => of(one).pipe(delay(1)));
    const { wire, acked } = connected((messages$) => messages$.pipe(slowly, route({ a: () => done })));
    wire.next(message('a'));
    await eventually(() => expect(done.observed).toBe(true));
    expect(acked.values).toEqual([]);
    done.complete();
    expect(await acked.take(1)).toEqual(['a']);
  });

  it('acks a message that has finally failed', async () => {
    const { wire, acked } = connected(route({ a: failing }, { retry }));
    wire.next(message('a'));
    expect(await acked.take(1)).toEqual(['a']);
  });

  it('neither loses nor repeats messages when the connection is cut', async () => {
    const handled: string[] = [];
    const slow = route({ '*': ({ id }) => timer(2).pipe(concatMap(() => (handled.push(id), EMPTY))) });
    const { wire, acked, cut } = connected(slow);
    const sent = Array.from({ length: 20 }, (_, index) => String(index));
    for (const id of sent) {
      wire.next(message('a', id));
      if (id === '10') {
        await pause(3);
        cut();
      }
    }
    await acked.take(sent.length);
    expect(handled).toEqual(sent);
  });
});

describe('createRouter', () => {
  it('adds and removes routes while it runs', () => {
    const { add, route: operator, unhandled$ } = createRouter();
    const [called, unhandled]: string[][] = [[], []];
    unhandled$.subscribe(({ id }) => unhandled!.push(id));
    const source = new Subject<Message>();
    source.pipe(operator).subscribe();
    const send = (id: string): void => source.next(message('a.b', id));

    send('1');
    const remove = add('a.*', ({ id }) => void called!.push(id));
    send('2');
    const removeToo = add(/b/, ({ id }) => void called!.push(`/b/ ${id}`));
    send('3');
    remove();
    send('4');
    removeToo();
    send('5');
    expect([called, unhandled]).toEqual([
      ['2', '3', '/b/ 3', '/b/ 4'],
      ['1', '5'],
    ]);
  });

  it('lets a handler take itself out, and add others from the next message on', () => {
    const router = createRouter();
    const called: string[] = [];
    const remove = router.add('a', () => {
      called.push('first');
      remove();
      router.add('a', () => void called.push('second'));
    });
    of(message('a'), message('a')).pipe(router.route).subscribe();
    expect(called).toEqual(['first', 'second']);
  });

  it('completes the running messages of a removed handler', () => {
    const router = createRouter();
    const work = new Subject<void>();
    const remove = router.add('a', () => work);
    const { values } = record(of(message('a')).pipe(router.route, ids));
    remove();
    work.complete();
    expect(values).toEqual(['a']);
  });

  it('emits finally failed messages in dead$, and replays none to later subscribers', () => {
    const router = createRouter({ retry: false });
    router.add('a', failing);
    const dead = record(router.dead$);
    of(message('a'), message('b')).pipe(router.route).subscribe();
    const [late, lateUnhandled] = [record(router.dead$), record(router.unhandled$)];
    expect([dead.values, late.values, lateUnhandled.values]).toEqual([
      [{ message: message('a'), pattern: 'a', attempts: 1, error: boom }],
      [],
      [],
    ]);
  });

  it('counts running handlers for each subscription', () => {
    const router = createRouter({ maxRunning: 1, retry: false });
    router.add('a', () => NEVER);
    const dead = record(router.dead$);
    const subscriptions = [1, 2].map(() => of(message('a')).pipe(router.route).subscribe());
    expect(dead.values).toEqual([]);
    subscriptions.forEach((one) => one.unsubscribe());
  });
});
