import { config, firstValueFrom, map, of, pipe, Subject, tap, throwError, timer, type OperatorFunction } from 'rxjs';
import { route } from '../../lib/operators/routing/route.js';
import { use } from '../../lib/operators/routing/use.js';
import { ConnectionLostError, type RxwireError } from '../../lib/message/errors.js';
import type { Frame } from '../../lib/io/link.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Receipt } from '../../lib/message/receipt.js';
import type { Message } from '../../lib/message/types.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import type { Principal } from '../../lib/server/principal.js';
import { serve, type ServedLink, type ServeOptions } from '../../lib/server/serve.js';
import { consume } from '../../lib/operators/consume/consume.js';
import type { DeadLetter } from '../../lib/stores/deadLetterStore.js';
import { memoryDeadLetters } from '../../lib/stores/memoryDeadLetters.js';
import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { eventually } from '../support/eventually.js';
import { fakeInbox } from '../support/fakeInbox.js';
import { record } from '../support/record.js';
import { pair, type ClientOptions } from '../support/sessionPair.js';
import { wireServer } from '../support/wireServer.js';

const boom = new Error('boom');
const fail = (): never => {
  throw boom;
};
const message = (id: string): Message => createMessage('test.any', null, { id, timestamp: 0 });
const reconnect = { initialInterval: 10, maxInterval: 10, jitter: 0 };

/** Returns a function that throws at its first call. */
function failsOnce<A extends unknown[], R>(then: (...args: A) => R): (...args: A) => R {
  let calls = 0;
  return (...args) => (calls++ === 0 ? fail() : then(...args));
}

/** What came to `onUnhandledError` of RxJS: what RxJS would have thrown at the process, and what rxwire reports there. */
const uncaught: unknown[] = [];
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  config.onUnhandledError = (error) => uncaught.push(error);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  config.onUnhandledError = null;
  for (const error of uncaught.splice(0)) expect(error).toMatchObject({ code: 'ERR_CALLBACK', cause: boom });
});

/** A real server, and a client of it that has a wire already. */
async function served(options: ListenOptions<Principal | undefined>) {
  const wires: Wire[] = [];
  const server = await wireServer((wire) => {
    wires.push(wire);
    wire.subscribe();
  }, options);
  cleanups.push(server.close);
  const client = (): Wire => {
    const wire = connect({ link: webSocket(server.url), reconnect });
    wire.subscribe({ error: () => undefined });
    cleanups.push(() => wire.unsubscribe());
    return wire;
  };
  return { ...server, wires, client };
}

function linked(
  server: ServeOptions<Principal | undefined>,
  onServerWire: (wire: Wire) => void = (wire) => wire.subscribe(),
  client: ClientOptions = {},
) {
  const errors: RxwireError[] = [];
  const both = pair({
    server,
    client,
    onServerWire(wire) {
      wire.errors$.subscribe((error) => errors.push(error));
      onServerWire(wire);
    },
  });
  both.wire.subscribe({ error: () => undefined });
  cleanups.push(both.close);
  return { ...both, errors };
}

describe('a server of whom a function throws', () => {
  it('continues when onRefused throws, and warns', async () => {
    let calls = 0;
    const links$ = new Subject<ServedLink>();
    const wires: Wire[] = [];
    const serving = record(serve(links$, { onRefused: () => (calls++, fail()) }));
    const [near, far] = memoryLink<Frame>();
    links$.next(far);
    near(of('nonsense')).subscribe({ error: () => undefined });
    await eventually(() => expect(calls).toBe(1));
    const [mine, theirs] = memoryLink<Frame>();
    serving.subscription.unsubscribe();
    const second = serve(links$, { onRefused: () => Promise.reject(boom) as never }).subscribe((wire) => wires.push(wire));
    cleanups.push(() => second.unsubscribe());
    const [bad, accepted] = memoryLink<Frame>();
    links$.next(accepted);
    bad(of('nonsense')).subscribe({ error: () => undefined });
    links$.next(theirs);
    const wire = connect({ link: mine });
    cleanups.push(() => wire.unsubscribe());
    await eventually(() => expect(wires).toHaveLength(1));
    await eventually(() => expect(uncaught).toHaveLength(2));
    expect(serving.isOver()).toBe(false);
  });

  it('closes with 1011 when outbox throws: the client returns, and the next connection works', async () => {
    const codes: (number | undefined)[] = [];
    const { client, refused$ } = await served({ outbox: failsOnce(() => memoryOutbox()) });
    const refused = firstValueFrom(refused$);
    const wire = client();
    wire.errors$.subscribe((error) => error instanceof ConnectionLostError && codes.push(error.closeCode));
    expect(await refused).toMatchObject({ code: 'ERR_CALLBACK', callback: 'outbox', cause: boom });
    await wire.send(message('1'));
    expect(codes).toEqual([1011]);
  });

  it('puts no message in doubt when outbox throws for a new client: the welcome of before counts', async () => {
    const { client } = await served({ outbox: failsOnce(() => memoryOutbox()) });
    const wire = client();
    const codes: string[] = [];
    wire.errors$.subscribe(({ code }) => codes.push(code));
    const sent = await wire.send(createMessage('test.job', '1', { delivery: 'exactly-once' }));
    expect([sent.status, codes]).toEqual(['acked', ['ERR_CONNECTION_LOST']]);
  });

  it.each(['claim', 'remember'] as const)('closes with 1011 when %s of the inbox throws, and the client returns', async (method) => {
    const inbox = fakeInbox();
    const { client } = await served({ inbox: { ...inbox, [method]: failsOnce(inbox[method] as never) } });
    await client().send(message('1'));
  });

  it('closes a session whose outbox throws as it is closed, and lets the client return', async () => {
    const store = memoryOutbox();
    const { client, wires } = await served({ outbox: () => ({ ...store, close: fail }) });
    const wire = client();
    await wire.send(message('1'));
    wires[0]?.unsubscribe();
    await wire.send(message('2'));
    expect(wires).toHaveLength(2);
  });

  it('stops when random throws as it stops', async () => {
    const shutdown$ = new Subject<void>();
    const links$ = new Subject<ServedLink>();
    const serving = record(serve(links$, { shutdown$, random: fail }).pipe(tap((there) => there.subscribe())));
    const [near, far] = memoryLink<Frame>();
    links$.next(far);
    const wire = connect({ link: near });
    cleanups.push(() => wire.unsubscribe());
    await wire.send(message('1'));
    shutdown$.next();
    expect(await serving.ended).toBe('complete');
  });

  it('continues when shutdown$ fails', async () => {
    const heard: RxwireError[] = [];
    const links$ = new Subject<ServedLink>();
    const serving = record(serve(links$, { shutdown$: throwError(() => boom), onRefused: (error) => heard.push(error) }));
    const [near, far] = memoryLink<Frame>();
    links$.next(far);
    const wire = connect({ link: near });
    cleanups.push(
      () => wire.unsubscribe(),
      () => serving.subscription.unsubscribe(),
    );
    const [there] = await serving.take(1);
    there?.subscribe();
    await wire.send(message('1'));
    expect(heard).toMatchObject([{ code: 'ERR_CALLBACK', callback: 'shutdown$', cause: boom }]);
  });

  it('refuses the one link that throws', async () => {
    const heard: RxwireError[] = [];
    const links$ = new Subject<ServedLink>();
    const serving = record(serve(links$, { onRefused: (error) => heard.push(error) }));
    cleanups.push(() => serving.subscription.unsubscribe());
    links$.next(fail);
    const [near, far] = memoryLink<Frame>();
    links$.next(far);
    const wire = connect({ link: near });
    cleanups.push(() => wire.unsubscribe());
    await serving.take(1);
    expect(heard).toMatchObject([{ code: 'ERR_CALLBACK', callback: 'link', cause: boom }]);
  });
});

describe('onDead that fails', () => {
  it.each<[string, () => void]>([
    ['throws', fail],
    ['rejects a promise', () => Promise.reject(boom) as never],
  ])('costs no receipt: it %s', async (_, onDead) => {
    const receipts: Receipt[] = [];
    const { wire } = linked({}, (there) => there.subscribe(), { onDead });
    const errors = record(wire.errors$);
    wire.failures$.subscribe((receipt) => receipts.push(receipt));
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const bad = ['a', 'b', 'c'].map((id) => ({ ...message(id), payload: circular }));
    const ends = bad.map((one) => wire.send(one).catch((error: unknown) => (error as RxwireError).code));
    expect(await wire.send(message('good'))).toMatchObject({ status: 'acked' });
    expect(await Promise.all(ends)).toEqual(['ERR_ENCODE', 'ERR_ENCODE', 'ERR_ENCODE']);
    expect(receipts.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    await eventually(() => expect(errors.values.filter(({ code }) => code === 'ERR_HANDLER')).toHaveLength(3));
  });
});

describe('a subscriber on the wire of a server that fails', () => {
  const ways: readonly (readonly [string, (wire: Wire) => unknown])[] = [
    ['throws', (wire) => wire.subscribe(({ id }) => id === 'bad' && fail())],
    ['throws, as an observer', (wire) => wire.subscribe({ next: ({ id }) => (id === 'bad' ? fail() : undefined) })],
    ['throws behind an operator', (wire) => wire.pipe(map(({ id }) => id)).subscribe((id) => id === 'bad' && fail())],
    [
      'throws behind two pipes',
      (wire) =>
        wire
          .pipe(map(({ id }) => id))
          .pipe(map((id) => id))
          .subscribe((id) => id === 'bad' && fail()),
    ],
    ['has an operator that throws', (wire) => wire.pipe(map(({ id }) => id === 'bad' && fail())).subscribe()],
    ['throws in its error callback', (wire) => wire.pipe(map(({ id }) => id === 'bad' && fail())).subscribe({ error: fail })],
    ['rejects a promise', (wire) => wire.subscribe(({ id }) => (id === 'bad' ? (Promise.reject(boom) as never) : undefined))],
    [
      'throws at a receipt',
      (wire) => (wire.subscribe(({ id }) => id === 'bad' && wire.next(message('answer'))), wire.receipts$.subscribe(fail)),
    ],
  ];

  it.each(ways)('ends that wire with 1011, and no other: it %s', async (_, subscribe) => {
    const { wire, connect: another, errors, serverWire } = linked({}, subscribe);
    const codes: (number | undefined)[] = [];
    wire.errors$.subscribe((error) => error instanceof ConnectionLostError && codes.push(error.closeCode));
    await wire.send(message('1'));
    const there = await serverWire();
    const neighbour = another();
    cleanups.push(() => neighbour.unsubscribe());
    await neighbour.send(message('2'));
    const ended = record(there).ended;
    wire.next(message('bad'));
    expect(await ended).toBe('complete');
    await eventually(() => expect(codes).toEqual([1011]));
    expect(errors.map(({ code }) => code)).toContain('ERR_CALLBACK');
    await neighbour.send(message('3'));
    await wire.send(message('4'));
  });

  it('keeps the message of the exception as a dead letter, and rejects it to its sender', async () => {
    const { wire, serverWire, errors } = linked({}, (there) => there.subscribe(({ id }) => id === 'bad' && fail()));
    const there = await serverWire();
    expect(await wire.send(message('bad'))).toMatchObject({ status: 'acked', outcome: 'dead-lettered' });
    expect(record(there.deadLetters.list()).values).toMatchObject([{ message: { id: 'bad' }, error: 'boom' }]);
    expect(errors).toMatchObject([{ code: 'ERR_CALLBACK', callback: 'subscriber', cause: boom }]);
  });

  it('is reported to onUnhandledError of RxJS; without it, as a warning of the process', async () => {
    const { emitWarning } = process;
    const warned: unknown[] = [];
    cleanups.push(() => (process.emitWarning = emitWarning));
    process.emitWarning = (warning: unknown) => void warned.push(warning);
    const { wire, serverWire } = linked({}, (there) => there.subscribe(fail));
    wire.next(message('1'));
    await record(await serverWire()).ended;
    await eventually(() => expect(uncaught).toHaveLength(1));
    config.onUnhandledError = null;
    wire.next(message('2'));
    await eventually(() =>
      expect(warned).toEqual(['the function "subscriber" of the application has failed: boom (see rxwire/docs/errors.md#err_callback)']),
    );
    expect(uncaught).toHaveLength(1);
  });

  it.each<[string, (wire: Wire) => unknown]>([
    ['the completion of the wire', (wire) => wire.subscribe({ complete: fail })],
    ['the completion of errors$', (wire) => wire.errors$.subscribe({ complete: fail })],
    ['an error', (wire) => wire.errors$.subscribe(fail)],
    ['a state', (wire) => wire.state$.subscribe(({ status }) => status === 'disconnected' && fail())],
  ])('does not harm the server at %s', async (_, subscribe) => {
    const {
      wire,
      serverWire,
      connect: another,
    } = linked({}, (there) => {
      there.subscribe();
      subscribe(there);
    });
    const there = await serverWire();
    const { ended } = record(there);
    await wire.send(message('1'));
    there.unsubscribe();
    await Promise.race([ended, firstValueFrom(of(0))]);
    const neighbour = another();
    cleanups.push(() => neighbour.unsubscribe());
    await neighbour.send(message('2'));
  });

  it('ends the wire that the subscriber of listen throws for, and no other', async () => {
    let count = 0;
    const { client } = await (async () => {
      const server = await wireServer((wire) => {
        wire.subscribe();
        if (count++ === 1) fail();
      });
      cleanups.push(server.close);
      const client = (): Wire => {
        const wire = connect({ link: webSocket(server.url), reconnect });
        cleanups.push(() => wire.unsubscribe());
        return wire;
      };
      return { client };
    })();
    const neighbour = client();
    await neighbour.send(message('1'));
    const second = client();
    const codes: (number | undefined)[] = [];
    second.errors$.subscribe((error) => error instanceof ConnectionLostError && codes.push(error.closeCode));
    await second.send(message('2'));
    expect(codes).toEqual([1011]);
    await neighbour.send(message('3'));
  });
});

describe('messages that follow the message of a throw', () => {
  /** Sends messages to a server. A stream of its first wire fails at `bad`, and a handler works on that message for a while. Returns what the stream receives. */
  async function follow(server: ServeOptions<Principal | undefined>, send: (wire: Wire) => Promise<unknown>) {
    const strict: string[] = [];
    let count = 0;
    const { wire } = linked(server, (there) => {
      const number = ++count;
      there.pipe(map(({ id }) => (number === 1 && id === 'bad' ? fail() : strict.push(`${id} at wire ${number}`)))).subscribe();
      there.pipe(consume(({ id }) => (id === 'bad' ? timer(100) : undefined), { concurrency: 10 })).subscribe();
    });
    await send(wire);
    return strict;
  }

  const servers: readonly (readonly [string, () => ServeOptions<Principal | undefined>])[] = [
    ['no inbox', () => ({})],
    ['an inbox', () => ({ inbox: fakeInbox() })],
  ];

  it.each(servers)('are received by the next session, while another handler works on that message: %s', async (_, server) => {
    const strict = await follow(server(), async (wire) => {
      const bad = wire.send(message('bad'));
      await firstValueFrom(timer(30));
      expect(await Promise.all([bad, wire.send(message('next'))])).toMatchObject([{ outcome: 'dead-lettered' }, { outcome: 'processed' }]);
    });
    expect(strict).toEqual(['next at wire 2']);
  });

  it.each(servers)('are received by the next session, when they arrive with it: %s', async (_, server) => {
    const strict = await follow(server(), (wire) => Promise.all(['bad', 'next', 'last'].map((id) => wire.send(message(id)))));
    expect(strict).toEqual(['next at wire 2', 'last at wire 2']);
  });

  it('are no dead letters, when no subscriber is left', async () => {
    const letters = memoryDeadLetters();
    const deadLetters = { ...letters, add: (letter: DeadLetter) => timer(30).pipe(map(() => void letters.add(letter))) };
    const seen: string[] = [];
    const { wire } = linked({ deadLetters }, (there) => there.pipe(map(({ id }) => (id === 'bad' ? fail() : seen.push(id)))).subscribe());
    await Promise.all(['bad', 'next'].map((id) => wire.send(message(id))));
    expect(seen).toEqual(['next']);
    expect(record(letters.list()).values).toMatchObject([{ message: { id: 'bad' } }]);
  });
});

describe('a stream on the wire of a server that ends with an error while it has claimed a message', () => {
  const retry = false;
  /** Operators whose handler fails, and whose callback for that fails, too. */
  const ways: readonly (readonly [string, (handler: () => undefined, callback: () => undefined) => OperatorFunction<Message, unknown>])[] =
    [
      ['onError of use throws', (handler, onError) => use(handler, { onError })],
      ['onError of consume throws', (handler, onError) => consume(handler, { retry, onError })],
      ['deadLetter of consume throws', (handler, deadLetter) => consume(handler, { retry, deadLetter })],
      ['onError of route throws', (handler, onError) => route({ 'test.*': handler }, { retry, onError })],
      [
        'onError throws behind a slow middleware',
        (handler, onError) =>
          pipe(
            use((one) => timer(1).pipe(map(() => one))),
            use(handler, { onError }),
          ),
      ],
    ];

  it.each(ways)('ends that wire with 1011, and receives the message again: %s', async (_, operator) => {
    let isFirst = true;
    const handled: string[] = [];
    const { wire, errors } = linked({}, (there) => {
      const fails = isFirst;
      isFirst = false;
      const handler = (): undefined => (fails ? fail() : void handled.push('again'));
      there.pipe(operator(handler, fail)).subscribe();
    });
    const codes: (number | undefined)[] = [];
    wire.errors$.subscribe((error) => error instanceof ConnectionLostError && codes.push(error.closeCode));
    expect(await wire.send(message('1'))).toMatchObject({ status: 'acked', outcome: 'processed' });
    expect([codes, handled]).toEqual([[1011], ['again']]);
    expect(errors.map(({ code }) => code)).toContain('ERR_CALLBACK');
  });

  it('ends that wire with 1011, and receives the message again: the store of the dead letters throws', async () => {
    let calls = 0;
    const deadLetters = { ...memoryDeadLetters(), add: failsOnce(() => undefined) };
    const { wire, errors } = linked({ deadLetters }, (there) => there.pipe(use(() => (calls++ === 0 ? fail() : undefined))).subscribe());
    expect(await wire.send(message('1'))).toMatchObject({ status: 'acked', outcome: 'processed' });
    expect(errors.map(({ code }) => code)).toEqual(['ERR_MIDDLEWARE', 'ERR_CALLBACK']);
  });

  it('keeps no dead letter of the message', async () => {
    const { wire, serverWire } = linked({}, (there) => there.pipe(use(fail, { onError: fail })).subscribe());
    const there = await serverWire();
    const { ended } = record(there);
    wire.next(message('1'));
    await ended;
    expect(record(there.deadLetters.list()).values).toEqual([]);
  });
});
