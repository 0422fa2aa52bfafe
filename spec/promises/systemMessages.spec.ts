import { once } from 'node:events';
import { filter, firstValueFrom, of, Subject } from 'rxjs';
import { WebSocket } from 'ws';
import type { Codec } from '../../lib/codec/codec.js';
import { encryptPayload } from '../../lib/operators/payloads/encryptPayload.js';
import { json } from '../../lib/codec/json.js';
import { keyring } from '../../lib/codec/keyring.js';
import type { Frame } from '../../lib/io/link.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage, type MessageOptions } from '../../lib/message/createMessage.js';
import type { Delivery, Message } from '../../lib/message/types.js';
import { listen, type ListenOptions } from '../../lib/server/listen.js';
import { serve, type ServeOptions } from '../../lib/server/serve.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { eventually } from '../support/eventually.js';
import { protocols } from '../support/protocols.js';
import { record } from '../support/record.js';
import { pair } from '../support/sessionPair.js';
import { wireServer } from '../support/wireServer.js';

const ping = (options: MessageOptions = {}) => createMessage('system.ping', { timestamp: 42 }, { id: 'p', ...options });
const pongs = (wire: Wire) => record(wire.pipe(filter(({ type }) => type === 'system.pong')));

describe('a server answers system.ping', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });
  async function start(onWire: (wire: Wire) => void, options: ListenOptions = {}, client = {}) {
    const server = await wireServer(onWire, options);
    const wire = connect({ link: webSocket(server.url), ...client });
    cleanups.push(
      () => wire.unsubscribe(),
      () => server.close(),
    );
    return { server, wire };
  }

  it.each(protocols)('over the %s protocol, with its timestamp and its id, without a subscriber there', async (_, protocol) => {
    const { wire } = await start(() => undefined, {}, { protocol });
    const { values } = pongs(wire);
    wire.next(ping());
    await eventually(() => expect(values).toHaveLength(1));
    expect(values[0]).toMatchObject({ type: 'system.pong', correlationId: 'p', payload: { timestamp: 42 } });
    expect(values[0]?.source).not.toBe('');
  });

  it.each<Delivery>(['at-most-once', 'at-least-once', 'exactly-once'])('that was sent %s, once', async (delivery) => {
    const { wire } = await start((served) => served.subscribe(), {}, { delivery: 'exactly-once' });
    const { values } = pongs(wire);
    wire.next(ping({ delivery }));
    await eventually(() => expect(values).toHaveLength(1));
    await wire.send(createMessage('spec.said', 'b'));
    await eventually(() => expect(values).toHaveLength(1));
  });

  it('and passes it on to the application', async () => {
    const seen: Message[] = [];
    const { wire } = await start((served) => served.subscribe((message) => seen.push(message)));
    await wire.send(ping());
    expect(seen.map(({ id }) => id)).toEqual(['p']);
  });

  it('that is the first frame of a client that knows envelopes only', async () => {
    const server = await wireServer(() => undefined);
    cleanups.push(() => server.close());
    const socket = new WebSocket(server.url);
    cleanups.push(() => socket.terminate());
    await once(socket, 'open');
    socket.send(JSON.stringify([ping()]));
    const [data] = (await once(socket, 'message')) as [Buffer];
    expect(data.toString()).toContain('"type":"system.pong"');
    expect(data.toString()).toContain('"correlationId":"p"');
  });

  it('while its session is idle', async () => {
    const { wire, close, serverWire } = pair();
    const { values } = pongs(wire);
    const there = await serverWire();
    there.subscribe();
    await eventually(() => expect(there.state.status).toBe('connected'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    wire.next(ping());
    await eventually(() => expect(values).toHaveLength(1));
    expect(there.state.metrics.messagesSent).toBe(1);
    close();
  });

  it('but never a pong, so that two servers do not answer each other for ever', async () => {
    const sent: Message[] = [];
    const { wire } = await start((served) => served.subscribe());
    wire.subscribe((message) => sent.push(message));
    await wire.send(createMessage('system.pong', { timestamp: 1 }));
    await wire.send(createMessage('system.pong', { timestamp: 1 }));
    expect(sent).toEqual([]);
  });

  it('but not one whose payload it cannot read', async () => {
    const { wire } = await start((served) => served.subscribe());
    const { values } = pongs(wire);
    const keys = keyring({ current: 'k1', keys: { k1: new Uint8Array(32).fill(1) } });
    await wire.send(await firstValueFrom(of(ping({ id: 'secret' })).pipe(encryptPayload(keys))));
    wire.next(ping());
    await eventually(() => expect(values.map(({ correlationId }) => correlationId)).toEqual(['p']));
  });

  it.each(protocols)('over the %s protocol unless that is turned off', async (_, protocol) => {
    const { wire } = await start((served) => served.subscribe(), { system: { pong: false } }, { protocol });
    const { values } = record(wire);
    await wire.send(ping());
    await wire.send(ping({ id: 'q' }));
    expect(values).toEqual([]);
  });
});

describe('a server that stops sends system.shutdown', () => {
  /** A server with clients that have seen nothing else. */
  async function start(count: number, options: ServeOptions = {}, client = {}) {
    const shutdown$ = new Subject<void>();
    const links = Array.from({ length: count }, () => memoryLink<Frame>());
    const there: Wire[] = [];
    const stopped = record(
      serve(of(...links.map(([, far]) => far)), { shutdown$, ...options }).pipe(filter((wire) => there.push(wire) > 0)),
    );
    const wires = links.map(([link]) => connect({ link, ...client }));
    const seen = wires.map((wire) => record(wire).values);
    await eventually(() => expect(there.filter(({ state }) => state.status === 'connected')).toHaveLength(count));
    const close = (): void => {
      for (const wire of wires) wire.unsubscribe();
      stopped.subscription.unsubscribe();
    };
    return { shutdown$, wires, seen, there, stopped, close };
  }
  const shutdown = { type: 'system.shutdown', payload: { status: 'stopping', metadata: { retryAfter: 1_000 } } };

  it.each(protocols)('to each client, over the %s protocol, before it closes the connections', async (_, protocol) => {
    const { shutdown$, seen, wires, stopped, close } = await start(3, {}, { protocol });
    shutdown$.next();
    expect(await stopped.ended).toBe('complete');
    await eventually(() => expect(wires.map(({ state }) => state.closeCode)).toEqual([1001, 1001, 1001]));
    expect(seen).toMatchObject([[shutdown], [shutdown], [shutdown]]);
    close();
  });

  it('unless that is turned off', async () => {
    const { shutdown$, seen, stopped, close } = await start(2, { system: { shutdown: false } });
    shutdown$.next();
    expect(await stopped.ended).toBe('complete');
    expect(seen).toEqual([[], []]);
    close();
  });

  it('that it encodes once for 200 clients', async () => {
    let encoded = 0;
    const codec: Codec = json();
    const counting: Codec = {
      ...codec,
      encode: (batch) => {
        encoded++;
        return codec.encode(batch);
      },
    };
    const { shutdown$, seen, stopped, close } = await start(200, { codecs: [counting] });
    await new Promise((resolve) => setTimeout(resolve, 50));
    shutdown$.next();
    expect(encoded).toBe(1);
    expect(await stopped.ended).toBe('complete');
    expect(seen.filter(([message]) => message?.type === 'system.shutdown')).toHaveLength(200);
    close();
  });

  it('and waits for no ack of it', async () => {
    const { shutdown$, stopped, there, close } = await start(1);
    shutdown$.next();
    expect(there[0]?.state.metrics.messagesSent).toBe(1);
    const since = performance.now();
    expect(await stopped.ended).toBe('complete');
    expect(performance.now() - since).toBeLessThan(1_000);
    close();
  });

  it('and none to a client that is not connected', async () => {
    const { shutdown$, stopped, there, wires, close } = await start(1);
    wires[0]?.unsubscribe();
    await eventually(() => expect(there[0]?.state.status).toBe('reconnecting'));
    const errors: string[] = [];
    there[0]?.errors$.subscribe(({ code }) => errors.push(code));
    shutdown$.next();
    expect(await stopped.ended).toBe('complete');
    expect([there[0]?.state.metrics.messagesSent, errors]).toEqual([0, []]);
    close();
  });
});

it.each(['pong', 'shutdown'])('refuses a "system.%s" that is no boolean', (name) => {
  const system = { [name]: 'no' };
  const error = (owner: string) => new TypeError(`${owner}: "system.${name}" must be true or false, got "no"`);
  expect(() => serve(of(), { system })).toThrow(error('serve'));
  expect(() => listen({ address: () => null } as never, { system })).toThrow(error('listen'));
});
