import { concatMap, delay, firstValueFrom, map, of, Subject, timer } from 'rxjs';
import { subscriptionsOf } from '../../lib/wire/subscriptionsOf.js';
import { messageState } from '../../lib/operators/sending/messageState.js';
import { intercept, use } from '../../lib/operators/routing/use.js';
import { route, createRouter } from '../../lib/operators/routing/route.js';
import { HandlerError, MiddlewareError, UnhandledError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { ofType } from '../../lib/operators/ofType.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { socketPair } from '../support/socketPair.js';

const message = (type: string, payload: unknown = null): Message => createMessage<string, unknown>(type, payload);
const boom = new Error('boom');
const fail = (): never => {
  throw boom;
};

describe('R5 application layer, over a real socket', () => {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  async function opened(onServerWire: (served: Wire) => void) {
    const both = await socketPair(onServerWire);
    cleanups.push(both.close);
    return both;
  }

  it('router: exact, wildcard and RegExp patterns', async () => {
    const calls: string[] = [];
    const note = (name: string) => (one: Message) => void calls.push(`${name} ${one.type}`);
    const { wire } = await opened((served) =>
      served
        .pipe(
          route(
            { 'file.change': note('exact'), 'file.*': note('star'), 'file.**': note('rest') },
            { patterns: [[/^file\.ch/, note('RegExp')]] },
          ),
        )
        .subscribe(),
    );
    for (const type of ['file.change', 'file.upload', 'file.a.b']) await wire.send(message(type));
    expect(calls).toEqual([
      ...['exact file.change', 'star file.change', 'rest file.change', 'RegExp file.change'],
      ...['star file.upload', 'rest file.upload', 'star file.a.b', 'rest file.a.b'],
    ]);
  });

  it('router: several handlers per message run concurrently, and the ack waits for the last of them', async () => {
    const [first$, second$] = [new Subject<void>(), new Subject<void>()];
    const { wire } = await opened((served) => served.pipe(route({ 'a.b': () => first$, 'a.*': () => second$ })).subscribe());
    const sent = wire.send(message('a.b'));
    while (!(first$.observed && second$.observed)) await firstValueFrom(timer(1));
    second$.complete();
    const early = await Promise.race([sent, firstValueFrom(timer(30))]);
    expect(early).toBe(0);
    first$.complete();
    expect((await sent).status).toBe('acked');
  });

  it('router: an observable of unhandled messages', async () => {
    const router = createRouter();
    const unhandled = record(router.unhandled$);
    router.add('known.*', () => undefined);
    const { wire } = await opened((served) => served.pipe(router.route).subscribe());
    await wire.send(message('known.a'));
    await wire.send(message('strange.a'));
    expect(unhandled.values.map(({ type }) => type)).toEqual(['strange.a']);
  });

  it('middleware can change or stop a message, and keeps the order, in both directions', async () => {
    const { wire, served } = await opened(() => undefined);
    const incoming = use((one) => (one.payload === 'stop there' ? null : of(undefined).pipe(delay(one.payload === 'slow' ? 20 : 0))));
    const received = record(
      served.pipe(
        incoming,
        map(({ payload, headers }) => [payload, headers?.['trace']]),
      ),
    );
    const outgoing$ = new Subject<Message>();
    outgoing$
      .pipe(use((one) => (one.payload === 'stop here' ? null : { ...one, headers: { trace: 't1' } })))
      .subscribe((one) => wire.next(one));
    for (const payload of ['stop here', 'slow', 'stop there', 'fast']) outgoing$.next(message('a.b', payload));
    expect(await received.take(2)).toEqual([
      ['slow', 't1'],
      ['fast', 't1'],
    ]);
  });

  it('interceptors per type, in both directions', async () => {
    const { wire, served } = await opened(() => undefined);
    const received = record(
      served.pipe(
        intercept('file.*', ({ payload }) => (payload.path === '/secret' ? null : undefined)),
        map(({ id }) => id),
      ),
    );
    const outgoing$ = new Subject<Message>();
    outgoing$.pipe(intercept('system.*', () => null)).subscribe((one) => wire.next(one));
    const file = (path: string) => createMessage('file.change', { sandboxId: 's1', path, operation: 'update' } as const, { id: path });
    [
      createMessage('system.ping', { timestamp: 0 }),
      file('/secret'),
      file('/open'),
      createMessage('chat.wave', null, { id: 'chat' }),
    ].forEach((one) => outgoing$.next(one));
    expect(await received.take(2)).toEqual(['/open', 'chat']);
  });

  describe('state that can be observed', () => {
    it('of the connection', async () => {
      const { wire, cut } = await opened((served) => served.subscribe());
      const states = record(wire.state$.pipe(map(({ status }) => status)));
      await wire.send(message('a'));
      cut();
      await wire.send(message('b'));
      wire.complete();
      await states.ended;
      const steps = states.values.filter((status, index) => status !== states.values[index - 1]);
      expect(steps.filter((status) => status !== 'connecting')).toEqual([
        'connected',
        'disconnected',
        'reconnecting',
        'connected',
        'disconnecting',
        'disconnected',
      ]);
      expect(wire.state).toMatchObject({ protocol: 'websocket', metrics: { messagesSent: 2 } });
    });

    it('of each message', async () => {
      const { wire } = await opened((served) => served.subscribe());
      const one = message('a');
      wire.next(one);
      const steps = record(messageState(wire, one.id).pipe(map(({ status }) => status)));
      expect(await steps.ended).toBe('complete');
      expect(steps.values).toEqual(['queued', 'sent', 'acked']);
    });

    it('of subscriptions', async () => {
      const { served } = await opened(() => undefined);
      const seen = record(subscriptionsOf(served));
      served.pipe(ofType('system.ping')).subscribe();
      served
        .pipe(route({ 'file.*': () => undefined }))
        .subscribe()
        .unsubscribe();
      expect(seen.values).toEqual([
        { count: 0, patterns: [] },
        { count: 1, patterns: ['system.ping'] },
        { count: 2, patterns: ['system.ping', 'file.*'] },
        { count: 1, patterns: ['system.ping'] },
      ]);
    });
  });

  it('every kind of failure as a typed stream', async () => {
    const { wire, served } = await opened((there) =>
      there
        .pipe(
          use(({ type }) => (type === 'bad.middleware' ? fail() : undefined)),
          route({ 'bad.handler': fail }, { retry: false }),
        )
        .subscribe(),
    );
    const [here, there] = [record(wire.errors$), record(served.errors$)];
    wire.next(message('bad.send', fail));
    wire.next(createMessage('bad.late', null, { timestamp: 0, ttl: 1 }));
    await of('bad.middleware', 'bad.handler', 'bad.unhandled')
      .pipe(concatMap((type) => wire.send(message(type))))
      .forEach(() => undefined);
    expect(here.values.map(({ code }) => code).sort()).toEqual(['ERR_DROPPED', 'ERR_ENCODE']);
    const failures = there.values.filter(({ code }) => code !== 'ERR_MISSED');
    expect(failures.map(({ code, cause }) => [code, cause])).toEqual([
      ['ERR_MIDDLEWARE', boom],
      ['ERR_HANDLER', boom],
      ['ERR_UNHANDLED', undefined],
    ]);
    expect(failures.map((one) => one instanceof MiddlewareError || one instanceof HandlerError || one instanceof UnhandledError)).toEqual([
      true,
      true,
      true,
    ]);
  });
});
