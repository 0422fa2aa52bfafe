import { NEVER, of, Subject, throwError, VirtualTimeScheduler, type Observable } from 'rxjs';
import { ConnectionLostError, UnauthorizedError, type RxwireError } from '../../../lib/message/errors.js';
import type { Frame } from '../../../lib/io/link.js';
import type { Authenticate, Credentials, Principal, ServerWire } from '../../../lib/server/principal.js';
import { serve, type ServedLink, type ServeOptions } from '../../../lib/server/serve.js';
import { memoryOutbox } from '../../../lib/stores/memoryOutbox.js';
import { eventually } from '../../support/eventually.js';
import { fakeInbox } from '../../support/fakeInbox.js';
import { rawClient } from '../../support/peer.js';
import { rawEnd, type RawEnd } from '../../support/rawEnd.js';
import { record } from '../../support/record.js';
import { batch, fieldsOf, helloFrame, secret } from '../../support/sessionFrames.js';
import { frame, got, hello, message, secret as envelopeSecret, serve as serveHttp } from '../../support/recordingServer.js';

interface User extends Principal {
  readonly name: string;
}

const byToken = ({ token }: Pick<Credentials, 'token'>): User | undefined =>
  token?.startsWith('user:') ? { id: token.slice(5), name: token } : undefined;

function start(authenticate: Authenticate<User> = byToken, options: ServeOptions<User> = {}) {
  const links$ = new Subject<ServedLink>();
  const refused: RxwireError[] = [];
  const wires: ServerWire<User>[] = [];
  const opened: string[] = [];
  const running = serve(links$, {
    ...options,
    authenticate,
    outbox: (pid) => {
      opened.push(pid);
      return memoryOutbox();
    },
    onRefused: (error) => refused.push(error),
  }).subscribe((wire) => {
    wires.push(wire);
    wire.subscribe();
  });
  const dial = (...frames: readonly Frame[]): RawEnd => {
    const [end, link] = rawEnd();
    links$.next(link);
    end.send(...frames);
    return end;
  };
  /** A client that is welcome, and has shown that it knows. */
  const enter = async (fields: object) => {
    const end = dial(helloFrame(fields));
    const [first] = await end.frames.take(1);
    end.send('["ack",0,1024]');
    await end.frames.take(2);
    return { ...end, welcome: fieldsOf(first) };
  };
  return { dial, enter, refused, wires, opened, stop: () => running.unsubscribe() };
}

const boom = (): never => {
  throw new Error('the password is swordfish');
};

describe('authenticate', () => {
  let server: ReturnType<typeof start>;
  const begin = (...setup: Parameters<typeof start>) => (server = start(...setup));
  afterEach(() => server.stop());

  it('receives the token of the hello, and returns the principal of the wire', async () => {
    const { enter, wires } = begin();
    await enter({ token: 'user:ada' });
    expect(wires.map(({ principal }) => principal)).toEqual([{ id: 'ada', name: 'user:ada' }]);
  });

  it.each<[how: string, Authenticate<User>]>([
    ['at once', byToken],
    ['with a promise', (credentials) => Promise.resolve(byToken(credentials))],
    ['with an Observable', (credentials) => of(byToken(credentials))],
  ])('may answer %s', async (_, authenticate) => {
    const { enter, wires } = begin(authenticate);
    await enter({ token: 'user:ada' });
    expect(wires[0]?.principal.id).toBe('ada');
  });

  it.each<[what: string, Authenticate<User>]>([
    ['says that it is nobody', () => undefined],
    ['returns null', () => null],
    ['completes without an answer', () => of()],
    ['returns a principal that has expired', () => ({ id: 'ada', name: '', expiresAt: 1 })],
  ])('refuses with 4401, and reveals nothing, when it %s', async (_, authenticate) => {
    const { dial, refused, wires, opened } = begin(authenticate);
    const { frames } = dial(helloFrame({ token: 'x' }));
    expect(await frames.ended).toEqual(new ConnectionLostError(4401, 'the credentials were not accepted'));
    expect(refused).toEqual([new UnauthorizedError(4401, 'the credentials were not accepted')]);
    expect([wires, opened, frames.values]).toEqual([[], [], []]);
  });

  it.each<[what: string, Authenticate<User>]>([
    ['throws', boom],
    ['throws an error of rxwire', () => throwError(() => new UnauthorizedError(4401, 'of another wire'))],
    ['rejects', () => Promise.reject(new Error('the password is swordfish'))],
    ['errors', () => throwError(() => new Error('the password is swordfish'))],
    ['names nobody', () => ({ id: '', name: '' })],
    ['answers with what is no principal', () => of({ name: 'ada' } as User)],
  ])('closes with 1013, and reveals nothing, when it %s', async (_, authenticate) => {
    const { dial, refused, wires, opened } = begin(authenticate);
    const { frames } = dial(helloFrame({ token: 'x' }));
    expect(await frames.ended).toEqual(new ConnectionLostError(1013, 'the server could not check the credentials'));
    expect(refused).toMatchObject([{ code: 'ERR_CALLBACK', callback: 'authenticate' }]);
    expect([wires, opened, frames.values]).toEqual([[], [], []]);
  });

  it('refuses an unreadable hello before it authenticates, and names the versions of both sides', async () => {
    let calls = 0;
    const { dial, refused } = begin(() => {
      calls++;
      return undefined;
    });
    const reason = (v: unknown): Promise<unknown> => dial(helloFrame({ v, token: 'user:ada' })).frames.ended;
    const text = 'the server speaks version 1 of the protocol, the client version ';
    expect(await reason(2)).toEqual(new ConnectionLostError(4400, `${text}2`));
    expect(await reason('2'.repeat(1_000))).toEqual(new ConnectionLostError(4400, `${text}"string"`));
    expect(await dial('["hello",').frames.ended).toMatchObject({ closeCode: 4400 });
    expect([refused.map(({ code }) => code), calls]).toEqual([['ERR_PROTOCOL', 'ERR_PROTOCOL', 'ERR_PROTOCOL'], 0]);
  });

  it('refuses alike whoever shows nothing, says garbage, or knows a session of another', async () => {
    const { enter, dial } = begin();
    const pid = secret();
    await enter({ pid, token: 'user:ada' });
    const hopeless = [helloFrame(), helloFrame({ pid, n: 2 }), 'garbage', batch(1, 'a')];
    for (const first of hopeless) {
      expect(await dial(first).frames.ended).toEqual(new ConnectionLostError(4401, 'the credentials were not accepted'));
    }
  });

  it('is cut short by handshakeTimeout: closed with 1013, as that is no fault of the client', async () => {
    const scheduler = new VirtualTimeScheduler();
    const { dial, refused, opened } = begin(() => NEVER, { handshakeTimeout: 100, scheduler });
    const { frames } = dial(helloFrame({ token: 'user:ada' }));
    await new Promise(setImmediate);
    scheduler.flush();
    expect(await frames.ended).toEqual(new ConnectionLostError(1013, 'the server could not check the credentials'));
    expect([refused.length, opened]).toEqual([1, []]);
  });

  it('runs a limited number at once, and the others in turn', async () => {
    const answers = [new Subject<User>(), new Subject<User>(), new Subject<User>()];
    let asked = 0;
    const { dial, wires } = begin(() => answers[asked++] as Observable<User>, { maxAuthenticating: 2 });
    const clients = [0, 1, 2].map(() => dial(helloFrame()));
    const confirm = async (client: number): Promise<void> => {
      await clients[client]?.frames.take(1);
      clients[client]?.send('["ack",0,1024]');
      await clients[client]?.frames.take(2);
    };
    await new Promise(setImmediate);
    expect(asked).toBe(2);
    answers[1]?.next({ id: 'b', name: 'b' });
    expect(asked).toBe(3);
    answers[2]?.next({ id: 'c', name: 'c' });
    answers[0]?.next({ id: 'a', name: 'a' });
    for (const client of [1, 2, 0]) await confirm(client);
    expect(wires.map(({ principal }) => principal.id)).toEqual(['b', 'c', 'a']);
  });

  it('of a client that leaves meanwhile makes no wire, and lets the next have its turn', async () => {
    const answer = new Subject<User>();
    const { dial, wires, opened } = begin(({ token }) => (token === 'slow' ? answer : byToken({ token: 'user:b' })), {
      maxAuthenticating: 1,
    });
    const first = dial(helloFrame({ token: 'slow' }));
    const second = dial(helloFrame({ token: 'user:b' }));
    await new Promise(setImmediate);
    expect(second.frames.values).toEqual([]);
    first.close();
    await first.code;
    await second.frames.take(1);
    second.send('["ack",0,1024]');
    await second.frames.take(2);
    expect(wires.map(({ principal }) => principal.id)).toEqual(['b']);
    answer.next({ id: 'a', name: 'a' });
    expect(opened).toHaveLength(1);
  });

  describe('of a returning client', () => {
    it('is called again, and returns the new principal', async () => {
      const { enter, wires } = begin(({ token = '' }) => ({ id: 'ada', name: token }));
      const pid = secret();
      const { close, welcome } = await enter({ pid, token: 'first' });
      close(4000);
      const again = await enter({ pid, n: 2, sid: welcome['sid'], rt: welcome['rt'], rx: 0, token: 'second' });
      expect(again.welcome).toMatchObject({ resumed: true });
      expect(wires.map(({ principal }) => principal)).toEqual([{ id: 'ada', name: 'second' }]);
    });

    it('refuses one whose credentials have expired: its session waits for fresh ones', async () => {
      const { enter, dial, wires } = begin();
      const pid = secret();
      const { close, welcome } = await enter({ pid, token: 'user:ada' });
      close(4000);
      const ticket = { sid: welcome['sid'], rt: welcome['rt'], rx: 0 };
      expect(await dial(helloFrame({ pid, n: 2, ...ticket, token: 'expired' })).code).toBe(4401);
      expect((await enter({ pid, n: 3, ...ticket, token: 'user:ada' })).welcome).toMatchObject({ resumed: true });
      expect(wires).toHaveLength(1);
    });

    it.each([
      ['while it is connected', false],
      ['while it is away', true],
    ])('refuses another principal with all secrets of the client with 4403, %s', async (_, isAway) => {
      const { enter, dial, wires } = begin();
      const pid = secret();
      const { close, welcome } = await enter({ pid, token: 'user:ada' });
      if (isAway) close(4000);
      const ticket = { sid: welcome['sid'], rt: welcome['rt'], rx: 0 };
      const thief = dial(helloFrame({ pid, n: 2, ...ticket, token: 'user:mallory' }));
      expect(await thief.code).toBe(4403);
      expect(thief.frames.values).toEqual([]);
      expect((await enter({ pid, n: 2, ...ticket, token: 'user:ada' })).welcome).toMatchObject({ resumed: true });
      expect(wires.map(({ principal }) => principal.id)).toEqual(['ada']);
    });

    it('gives another principal the same answer for wrong numbers, a wrong token, or only a wrong principal', async () => {
      const { enter, dial } = begin();
      const pid = secret();
      const { welcome } = await enter({ pid, n: 5, token: 'user:ada' });
      const ticket = { sid: welcome['sid'], rt: welcome['rt'], rx: 0 };
      const ends = [{ n: 4 }, { n: 6 }, { n: 6, ...ticket }, { n: 6, ...ticket, rt: secret() }].map(
        (fields) => dial(helloFrame({ pid, ...fields, token: 'user:mallory' })).frames.ended,
      );
      for (const end of ends) expect(await end).toEqual(await ends[0]);
    });

    it('is remembered by the inbox when the server was restarted', async () => {
      const inbox = fakeInbox();
      const first = begin(byToken, { inbox });
      const pid = secret();
      const { welcome } = await first.enter({ pid, token: 'user:ada' });
      first.stop();
      const { dial, enter } = begin(byToken, { inbox });
      const ticket = { sid: welcome['sid'], rt: welcome['rt'], rx: 0 };
      expect(await dial(helloFrame({ pid, n: 2, ...ticket, token: 'user:mallory' })).code).toBe(4403);
      expect((await enter({ pid, n: 2, ...ticket, token: 'user:ada' })).welcome).toMatchObject({ known: true });
    });
  });

  describe('limits', () => {
    it('the wires of a principal: further ones are closed with 1013, but not those of others', async () => {
      const { enter, dial, wires } = begin(byToken, { maxPerPrincipal: 2 });
      const ada = await enter({ token: 'user:ada' });
      await enter({ token: 'user:ada' });
      expect(await dial(helloFrame({ token: 'user:ada' })).code).toBe(1013);
      await enter({ token: 'user:bob' });
      ada.close();
      await ada.code;
      await enter({ token: 'user:ada' });
      expect(wires.map(({ principal }) => principal.id)).toEqual(['ada', 'ada', 'bob', 'ada']);
    });

    it('the sessions of a principal that are away: the one that is so for longest ends', async () => {
      const { enter, wires } = begin(byToken, { maxDetachedPerPrincipal: 2 });
      for (const token of ['user:ada', 'user:ada', 'user:bob', 'user:ada']) (await enter({ token })).close(4000);
      await new Promise(setImmediate);
      expect(wires.map(({ state }) => state.status)).toEqual(['disconnected', 'reconnecting', 'reconnecting', 'reconnecting']);
    });

    it.each([
      ['that knows only envelopes: 256 KiB, then 1013', '{}', 1013],
      ['of a session: nothing, then 4400', helloFrame(), 4400],
    ])('messages that a client sends before its authentication, %s', async (_, first, expected) => {
      const answer = new Subject<User>();
      const { dial, wires } = begin(() => answer);
      const client = dial(first, 'x'.repeat(256 * 1024), 'x');
      expect(await client.code).toBe(expected);
      answer.next({ id: 'ada', name: 'ada' });
      expect(wires).toEqual([]);
    });
  });
});

describe('authenticate of listen', () => {
  it('receives the request: cookies, and headers of clients other than pages', async () => {
    const seen: unknown[] = [];
    const served = await serveHttp({
      authenticate: ({ request: { headers, url } }) => {
        seen.push([url, headers.authorization, headers.cookie]);
        return undefined;
      },
    });
    const client = await rawClient(`${served.url}?a`, { headers: { authorization: 'Bearer x', cookie: 'a=b' } });
    client.socket.send(helloFrame());
    expect(await client.ended).toEqual({ code: 4401, reason: 'the credentials were not accepted' });
    expect(seen).toEqual([['/wire?a', 'Bearer x', 'a=b']]);
    await served.close();
  });

  it('receives the head of the request again with a fresh token, and its socket', async () => {
    const seen: Credentials[] = [];
    const served = await serveHttp({
      authenticate: (credentials) => {
        seen.push(credentials);
        return { id: 'ada' };
      },
    });
    const client = await rawClient(`${served.url}?a`, { headers: { authorization: 'Bearer x', cookie: 'a=b' } });
    client.socket.send(helloFrame());
    await client.frames(1);
    client.socket.send('["ack",0,1024]');
    client.socket.send('["auth","fresh"]');
    await eventually(() => expect(seen).toHaveLength(2));
    const [first, fresh] = seen;
    expect(fresh?.token).toBe('fresh');
    expect(fresh?.request.socket).toBe(first?.request.socket);
    const headOf = ({ method, url, httpVersionMajor, httpVersionMinor, headers, headersDistinct, rawHeaders }: Credentials['request']) => [
      [method, url, httpVersionMajor, httpVersionMinor],
      [{ ...headers }, { ...headersDistinct }, rawHeaders],
    ];
    expect(headOf(fresh!.request)).toEqual(headOf(first!.request));
    await served.close();
  });

  it('keeps messages that an envelope client sends in the meantime, and its wire for the same principal only', async () => {
    const answers = [new Subject<Principal>(), new Subject<Principal>(), new Subject<Principal>()];
    let asked = 0;
    const served = await serveHttp({ authenticate: () => answers[asked++] as Observable<Principal> });
    const session = envelopeSecret();
    const ada = await rawClient(served.url);
    ada.socket.send(frame(hello(session)));
    ada.socket.send(frame(message('a')));
    ada.socket.ping();
    await new Promise((resolve) => ada.socket.once('pong', resolve));
    answers[0]?.next({ id: 'ada' });
    expect(await got(ada, 2)).toEqual(['system.welcome', 'ack:a']);

    const mallory = await rawClient(served.url);
    mallory.socket.send(frame(hello(session, { resume: true })));
    while (asked < 2) await new Promise(setImmediate);
    answers[1]?.next({ id: 'mallory' });
    expect(await mallory.ended).toMatchObject({ code: 4403 });
    expect(ada.socket.readyState).toBe(ada.socket.OPEN);
    await served.close();
  });
});

describe('without authenticate', () => {
  it('there is no principal, and no limit of one', async () => {
    const links$ = new Subject<ServedLink>();
    const wires = record(serve(links$, { maxPerPrincipal: 1 }));
    for (let client = 0; client < 2; client++) {
      const [end, link] = rawEnd();
      links$.next(link);
      end.send(helloFrame());
      await end.frames.take(1);
      end.send('["ack",0,1024]');
    }
    expect((await wires.take(2)).map(({ principal }) => principal)).toEqual([undefined, undefined]);
    wires.subscription.unsubscribe();
  });
});
