import { filter, map, merge, of, Subject, timer, type Observable } from 'rxjs';
import { intercept, use } from '../../lib/operators/routing/use.js';
import { createRouter, route } from '../../lib/operators/routing/route.js';
import type { RxwireError } from '../../lib/message/errors.js';
import type { Frame } from '../../lib/io/link.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { ofType } from '../../lib/operators/ofType.js';
import { serve } from '../../lib/server/serve.js';
import { consume } from '../../lib/operators/consume/consume.js';
import { batchFrame } from '../support/protocol/frames.js';
import { connect } from '../../lib/wire/connect.js';
import { record } from '../support/record.js';
import { pair, type ClientOptions } from '../support/sessionPair.js';
import { protocols } from '../support/protocols.js';

const boom = new Error('boom');
const fail = (): never => {
  throw boom;
};
const message = (id: string, type = 'test.any', payload: unknown = null): Message => createMessage(type, payload, { id });
const retry = { initialInterval: 1, maxRetries: 2 };

/** Every failure is a value of one typed stream: `errors$` of the wire where it happened. */
describe.each(protocols)('errors$, by the %s protocol, reports', (_protocol, protocol) => {
  const cleanups: (() => void)[] = [];
  afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

  /** A server whose wire is used like this, and what both sides tell. */
  function serving(onMessages: (messages$: Observable<Message>) => void, client: ClientOptions = {}) {
    const told$ = new Subject<RxwireError>();
    const both = pair({
      client: { protocol, ...client },
      onServerWire(served) {
        served.errors$.subscribe(told$);
        onMessages(served);
      },
    });
    cleanups.push(both.close);
    return { ...both, there: record(told$), here: record(both.wire.errors$) };
  }

  it('send: a value that the codec cannot encode', async () => {
    const { wire, here } = serving((messages$) => messages$.subscribe());
    wire.next(message('a', 'test.any', { when: fail }));
    expect(await here.take(1)).toMatchObject([{ code: 'ERR_ENCODE' }]);
    wire.complete();
    wire.next(message('b'));
    expect(here.values.at(-1)).toMatchObject({ code: 'ERR_WIRE_CLOSED', id: 'b' });
  });

  it('decode: a frame that the codec cannot decode', async () => {
    const [near, far] = memoryLink<Frame>();
    const injected$ = new Subject<Frame>();
    const server = serve(of(far)).subscribe((served) => served.subscribe());
    const wire = connect({ protocol, link: (outgoing) => merge(near(outgoing), injected$) });
    cleanups.push(
      () => wire.unsubscribe(),
      () => server.unsubscribe(),
    );
    const here = record(wire.errors$);
    await wire.send(message('a'));
    injected$.next(batchFrame(0, 1, '[no json'));
    expect(here.values).toMatchObject([{ code: 'ERR_DECODE', codec: 'json' }]);
    expect((await wire.send(message('b'))).status).toBe('acked');
  });

  it.each<[string, (messages$: Observable<Message>) => Observable<unknown>]>([
    ['use, at once', (messages$) => messages$.pipe(use(fail))],
    ['use, in its time', (messages$) => messages$.pipe(use(() => timer(1).pipe(map(fail))))],
    ['intercept', (messages$) => messages$.pipe(intercept('test.*', fail))],
    [
      'a second one, behind one that takes its time',
      (messages$) =>
        messages$.pipe(
          use(() => timer(1).pipe(map(() => undefined))),
          use(fail),
        ),
    ],
  ])('middleware: %s', async (_, pipe) => {
    const { wire, there } = serving((messages$) => pipe(messages$).subscribe());
    expect((await wire.send(message('a'))).status).toBe('acked');
    expect(await there.take(1)).toMatchObject([{ code: 'ERR_MIDDLEWARE', id: 'a', type: 'test.any', cause: boom }]);
  });

  it('middleware: of what is sent, as far as it is reported to the wire', () => {
    const { wire, here } = serving((messages$) => messages$.subscribe());
    const outgoing$ = new Subject<Message>();
    const checked = use(fail, { onError: (error) => wire.report(error) });
    outgoing$.pipe(checked).subscribe(wire);
    outgoing$.next(message('a'));
    expect(here.values).toMatchObject([{ code: 'ERR_MIDDLEWARE', id: 'a', cause: boom }]);
  });

  it.each<[string, (messages$: Observable<Message>) => Observable<unknown>]>([
    ['consume', (messages$) => messages$.pipe(consume(fail, { retry }))],
    ['consume, in its time', (messages$) => messages$.pipe(consume(() => timer(1).pipe(map(fail)), { retry }))],
    [
      'consume, behind a middleware',
      (messages$) =>
        messages$.pipe(
          use((one) => timer(1).pipe(map(() => one))),
          consume(fail, { retry }),
        ),
    ],
    ['route', (messages$) => messages$.pipe(route({ 'test.*': fail }, { retry }))],
    ['route, in its time', (messages$) => messages$.pipe(route({ 'test.*': () => Promise.reject(boom) }, { retry }))],
    [
      'createRouter',
      (messages$) => {
        const router = createRouter({ retry });
        router.add('**', fail);
        return messages$.pipe(router.route);
      },
    ],
  ])('handler: %s, when no retry is left', async (_, pipe) => {
    const { wire, there } = serving((messages$) => pipe(messages$).subscribe());
    expect((await wire.send(message('a'))).status).toBe('acked');
    expect(await there.take(1)).toMatchObject([{ code: 'ERR_HANDLER', id: 'a', type: 'test.any', attempts: 3, cause: boom }]);
  });

  it('handler: none, as too many are at work', async () => {
    const never$ = new Subject<void>();
    const { wire, there } = serving((messages$) => messages$.pipe(consume(() => never$, { maxWaiting: 1 })).subscribe());
    ['a', 'b', 'c'].forEach((id) => wire.next(message(id)));
    expect(await there.take(1)).toMatchObject([{ code: 'ERR_OVERFLOW', buffer: 'consume', limit: 1 }]);
    never$.complete();
  });

  describe('unhandled:', () => {
    const unhandled = { code: 'ERR_UNHANDLED', id: 'a', type: 'test.any' };
    const other = { 'test.other': (): void => undefined };

    it.each<[string, (messages$: Observable<Message>) => void]>([
      ['a message that no route matches', (messages$) => messages$.pipe(route(other)).subscribe()],
      ['also in a router that nobody listens to', (messages$) => messages$.pipe(createRouter().route).subscribe()],
      ['once, of several routers', (messages$) => [other, other].forEach((routes) => messages$.pipe(route(routes)).subscribe())],
      [
        'behind a middleware',
        (messages$) =>
          messages$
            .pipe(
              use(() => timer(1).pipe(map(() => undefined))),
              route(other),
            )
            .subscribe(),
      ],
    ])('%s', async (_, use) => {
      const { wire, there } = serving(use);
      await wire.send(message('a'));
      await wire.send(message('b', 'test.other'));
      expect(await there.take(1)).toMatchObject([unhandled]);
      expect(there.values.filter((error) => 'id' in error && error.id === 'a')).toHaveLength(1);
    });

    it.each<[string, (messages$: Observable<Message>) => void]>([
      [
        'another router handles it',
        (messages$) => [route(other), route({ 'test.*': () => undefined })].forEach((routed) => messages$.pipe(routed).subscribe()),
      ],
      [
        'somebody has asked for its type',
        (messages$) => void (messages$.pipe(route(other)).subscribe(), messages$.pipe(ofType('test.any')).subscribe()),
      ],
      [
        'somebody consumes it',
        (messages$) => void (messages$.pipe(route(other)).subscribe(), messages$.pipe(consume(() => undefined)).subscribe()),
      ],
      ['onUnhandled takes it', (messages$) => messages$.pipe(route(other, { onUnhandled: () => undefined })).subscribe()],
      [
        'unhandled$ takes it',
        (messages$) => {
          const router = createRouter();
          router.unhandled$.subscribe();
          messages$.pipe(router.route).subscribe();
        },
      ],
    ])('not when %s', async (_, use) => {
      const { wire, there } = serving(use);
      await wire.send(message('a'));
      expect(there.values).toEqual([]);
    });
  });

  it('dropped: a queue that is full, a ttl that has passed, a wire that ends', async () => {
    const { wire, here, down } = serving(() => undefined, { maxQueued: 1 });
    down();
    wire.next(message('a'));
    wire.next(message('b'));
    wire.unsubscribe();
    const drops = here.values.filter(({ code }) => code === 'ERR_DROPPED');
    expect(drops).toMatchObject([
      { id: 'a', reason: 'overflow' },
      { id: 'b', reason: 'closed' },
    ]);
    const late = serving((messages$) => messages$.subscribe());
    late.wire.next(createMessage('test.any', null, { id: 'c', timestamp: 0, ttl: 1 }));
    expect(await late.here.take(1)).toMatchObject([{ code: 'ERR_DROPPED', id: 'c', reason: 'expired' }]);
  });

  it('reconnect given up: last of all', async () => {
    const { wire, here, down } = serving((messages$) => messages$.subscribe(), { reconnect: { initialInterval: 1, maxRetries: 2 } });
    const ended = record(wire);
    await wire.send(message('a'));
    down();
    expect(await ended.ended).toMatchObject({ code: 'ERR_RECONNECT_GIVEN_UP', attempts: 2 });
    expect(here.values.at(-1)).toMatchObject({ code: 'ERR_RECONNECT_GIVEN_UP', cause: { code: 'ERR_CONNECTION_LOST' } });
    expect(await here.ended).toBe('complete');
  });

  it('nothing, where all goes well', async () => {
    const { wire, here, there } = serving((messages$) =>
      messages$
        .pipe(
          use(() => undefined),
          route({ '**': () => timer(1) }),
          filter(Boolean),
        )
        .subscribe(),
    );
    await wire.send(message('a'));
    expect([here.values, there.values]).toEqual([[], []]);
  });
});
