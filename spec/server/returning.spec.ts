import { concat, filter, firstValueFrom, of, skip, VirtualTimeScheduler } from 'rxjs';
import { json } from '../../lib/codec/json.js';
import { ConnectionLostError, MessageDroppedError, PeerGoneError, SessionLostError } from '../../lib/message/errors.js';
import { webSocket } from '../../lib/io/webSocket.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import type { ConnectionStatus } from '../../lib/wire/connectionState.js';
import type { Wire } from '../../lib/wire/wire.js';
import { rawClient } from '../support/peer.js';
import { record } from '../support/record.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { ack, frame, got, greetedClient, hello, message, secret, serve } from '../support/recordingServer.js';
import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';

const status = (wire: Wire, wanted: ConnectionStatus) => firstValueFrom(wire.state$.pipe(filter((state) => state.status === wanted)));

const ids = (values: readonly { readonly id: string }[]): string[] => values.map(({ id }) => id);

describe('listen: a client that loses its connection', () => {
  let served: Awaited<ReturnType<typeof serve>>;
  const start = async (options?: ListenOptions) => (served = await serve(options));
  afterEach(() => served.close());

  /** A wire through a proxy that can be cut. */
  async function connected(options: Partial<ConnectOptions> = {}) {
    const proxy = await tcpProxy(served.port);
    const link = webSocket(`ws://127.0.0.1:${proxy.port}/wire`);
    const wire = connect({ link, reconnect: { initialInterval: 20, jitter: 0 }, ...options });
    const close = async (): Promise<void> => {
      wire.unsubscribe();
      await proxy.close();
    };
    return { proxy, wire, close, messages: record(wire), errors: record(wire.errors$) };
  }

  it('finds its wire again, with the messages sent in the meantime, in order', async () => {
    await start();
    const { proxy, wire, messages, close } = await connected();
    const { wire: there, messages: arrived, state } = await served.wire();
    wire.next(message('a'));
    there.next(message('x'));
    await Promise.all([arrived.take(1), messages.take(1)]);

    proxy.cut();
    await status(there, 'reconnecting');
    wire.next(message('b'));
    there.next(message('y'));
    there.next(message('z'));
    await Promise.all([arrived.take(2), messages.take(3)]);
    wire.next(message('c'));
    await arrived.take(3);

    expect([ids(arrived.values), ids(messages.values)]).toEqual([
      ['a', 'b', 'c'],
      ['x', 'y', 'z'],
    ]);
    expect(served.count()).toBe(1);
    expect(state.values.map((one) => one.status)).toEqual(expect.arrayContaining(['connected', 'reconnecting', 'connected']));
    await close();
  });

  it('reads in the welcome whether its wire was found', async () => {
    const { url } = await start();
    const session = secret();
    const payloads: unknown[] = [];
    for (let time = 0; time < 2; time++) {
      const client = await rawClient(url);
      client.socket.send(frame(hello(session, { resume: time > 0 })));
      payloads.push(json().decode((await client.frames(1))[0]!)[0]!.payload);
      client.socket.terminate();
    }
    expect(payloads).toEqual([{ resumed: false }, { resumed: true }]);
  });

  it('receives acks for messages that arrive in one frame with its hello', async () => {
    const { url } = await start();
    const session = secret();
    await greetedClient(url, session);
    await served.wire();
    const again = await rawClient(url);
    again.socket.send(frame(hello(session, { resume: true }), message('a')));
    expect(await got(again, 2)).toEqual(['system.welcome', 'ack:a']);
  });

  it('takes over from a connection that the server takes for alive: that one is closed with 4409', async () => {
    const { url, count, wire } = await start();
    const session = secret();
    const older = await greetedClient(url, session);
    const { wire: there, messages, errors, state } = await wire();
    there.next(message('x'));
    expect(await got(older, 2)).toEqual(['system.welcome', 'x']);

    const newer = await greetedClient(url, session, { resume: true });
    expect(await older.ended).toEqual({ code: 4409, reason: 'another connection took over' });
    expect(await got(newer, 2)).toEqual(['system.welcome', 'x']);
    newer.socket.send(frame(ack('x'), message('a')));
    await messages.take(1);
    expect(count()).toBe(1);
    expect(errors.values).toEqual([]);
    expect(state.values.map((one) => one.status)).not.toContain('reconnecting');
  });

  it('is closed when another connection takes over, and does not reconnect', async () => {
    const { url, wire } = await start();
    // The same secret twice, as of a page that was copied.
    const session = secret();
    const link = webSocket(url);
    const greeted: typeof link = (outgoing) => link(concat(of(frame(hello(session))), outgoing.pipe(skip(1))));
    const first = record(connect({ link: greeted, protocol: envelopeProtocol, reconnect: { initialInterval: 1 } }));
    await wire();
    await greetedClient(url, session, { resume: true });
    expect(await first.ended).toEqual(new ConnectionLostError(4409, 'another connection took over'));
  });

  describe('and does not come back in time', () => {
    it('has its wire ended: a PeerGoneError among its errors, then completion', async () => {
      const scheduler = new VirtualTimeScheduler();
      const { url, wire } = await start({ scheduler, detachedTimeout: 1_000 });
      const client = await greetedClient(url);
      const { wire: there, messages, errors, state } = await wire();
      client.socket.terminate();
      await status(there, 'reconnecting');
      there.next(message('x'));
      scheduler.maxFrames = scheduler.frame + 999;
      scheduler.flush();
      expect(messages.isOver()).toBe(false);
      scheduler.maxFrames++;
      scheduler.flush();
      expect(await messages.ended).toBe('complete');
      expect(errors.values).toEqual([expect.any(ConnectionLostError), new PeerGoneError(1_000), new MessageDroppedError('x', 'closed')]);
      expect(state.values.at(-1)?.status).toBe('disconnected');
      expect(scheduler.actions).toHaveLength(0);
    });

    it.each([Infinity, 2 ** 31])('can be waited for for ever: %d ms', async (detachedTimeout) => {
      const { url, wire } = await start({ detachedTimeout });
      const session = secret();
      const client = await greetedClient(url, session);
      const { wire: there, messages } = await wire();
      client.socket.terminate();
      await status(there, 'reconnecting');
      await new Promise((resolve) => setTimeout(resolve, 20));
      await greetedClient(url, session, { resume: true });
      expect(messages.isOver()).toBe(false);
    });

    it('starts a new session: its client receives the loss of the session, and sends unacked messages again', async () => {
      await start({ detachedTimeout: 1 });
      const { proxy, wire, messages, errors, close } = await connected();
      const first = await served.wire();
      first.wire.next(message('x'));
      await messages.take(1);
      proxy.cut();
      await first.messages.ended;
      wire.next(message('a'));
      expect(ids(await (await served.wire(1)).messages.take(1))).toEqual(['a']);
      expect(await errors.take(2)).toEqual([expect.any(ConnectionLostError), new SessionLostError()]);
      await close();
    });
  });

  it('is evicted above maxDetached: the longest detached session ends', async () => {
    const { url, wire } = await start({ maxDetached: 1 });
    const [one, two] = [await greetedClient(url), await greetedClient(url)];
    const [first, second] = [await wire(0), await wire(1)];
    one.socket.terminate();
    await status(first.wire, 'reconnecting');
    expect(first.messages.isOver()).toBe(false);
    two.socket.terminate();
    expect(await first.messages.ended).toBe('complete');
    expect(first.errors.values).toContainEqual(expect.any(PeerGoneError));
    expect(second.messages.isOver()).toBe(false);
  });

  it('is not waited for at all when maxDetached is 0', async () => {
    const { url, wire } = await start({ maxDetached: 0 });
    const client = await greetedClient(url);
    client.socket.terminate();
    const { messages, errors } = await wire();
    expect(await messages.ended).toBe('complete');
    expect(errors.values).toEqual([expect.any(ConnectionLostError), expect.any(PeerGoneError)]);
  });

  it('no longer counts as detached when it is back', async () => {
    const { url, wire } = await start({ maxDetached: 1 });
    const [one, two] = [secret(), secret()];
    (await greetedClient(url, one)).socket.terminate();
    const first = await wire(0);
    await status(first.wire, 'reconnecting');
    await greetedClient(url, one, { resume: true });
    (await greetedClient(url, two)).socket.terminate();
    await status((await wire(1)).wire, 'reconnecting');
    expect(first.messages.isOver()).toBe(false);
  });

  describe('for good', () => {
    it('by saying goodbye: its wire completes', async () => {
      await start();
      const { wire, close } = await connected();
      const { messages, errors, state } = await served.wire();
      wire.next(message('a'));
      wire.complete();
      expect(await messages.ended).toBe('complete');
      expect(ids(messages.values)).toEqual(['a']);
      expect(errors.values).toEqual([]);
      expect(state.values.at(-1)?.status).toBe('disconnected');
      await close();
    });

    it('because the server completes its wire: both drain and complete', async () => {
      await start();
      const { wire, messages, close } = await connected();
      const { wire: there, messages: arrived } = await served.wire();
      there.next(message('x'));
      there.complete();
      expect(await messages.ended).toBe('complete');
      expect(ids(messages.values)).toEqual(['x']);
      expect(await arrived.ended).toBe('complete');
      expect(wire.state.status).toBe('disconnected');
      await close();
    });

    it.each<[string, (wire: Wire) => void]>([
      ['error', (wire) => wire.error(new Error('boom'))],
      ['unsubscribe', (wire) => wire.unsubscribe()],
    ])('because the server lets go with %s: closed with 4000, and a new client the next time', async (_, leave) => {
      const { url, wire, empty } = await start();
      const session = secret();
      const client = await greetedClient(url, session);
      leave((await wire()).wire);
      expect(await client.ended).toEqual({ code: 4000, reason: '' });
      await empty();
      const again = await rawClient(url);
      again.socket.send(frame(hello(session, { resume: true })));
      expect(json().decode((await again.frames(1))[0]!)[0]?.payload).toEqual({ resumed: false });
      expect(await wire(1)).toBeDefined();
    });

    it('because the server stops listening: closed with 1001, all wires complete', async () => {
      const { url, wire, stop, empty } = await start();
      const [one, two, gone] = [await greetedClient(url), await greetedClient(url), await greetedClient(url)];
      const wires = [await wire(0), await wire(1), await wire(2)];
      const silent = await rawClient(url);
      gone.socket.terminate();
      await status(wires[2]!.wire, 'reconnecting');
      stop();
      expect(await Promise.all(wires.map(({ messages }) => messages.ended))).toEqual(['complete', 'complete', 'complete']);
      expect(await Promise.all([one.ended, two.ended])).toEqual([
        { code: 1001, reason: 'the server stops' },
        { code: 1001, reason: 'the server stops' },
      ]);
      expect((await silent.ended).code).toBe(4000);
      expect(wires[0]!.errors.values).toEqual([]);
      await empty();
    });
  });
});
