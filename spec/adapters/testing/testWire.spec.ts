import { filter, firstValueFrom, map, of, take, toArray } from 'rxjs';
import {
  channel,
  connect,
  ConnectionStatus,
  createMessage,
  envelopeProtocol,
  hub,
  msgpack,
  OverflowError,
  reply,
  request,
  type Message,
} from '../../../lib/index.js';
import { runMarble, testWire } from '../../../lib/adapters/testing/index.js';
import { eventually } from '../../support/eventually.js';

const said = (text: string): Message => createMessage<string, unknown>('said', text, { id: text });
const payloads = (messages: readonly Message[]) => messages.map(({ payload }) => payload);

describe('testWire', () => {
  it('carries messages in both directions, and acks them', async () => {
    const { wire, server, close } = testWire();
    const heard = firstValueFrom(wire);
    server.next(said('welcome'));
    const { status } = await wire.send(said('hello'));
    expect(status).toBe('acked');
    expect(payloads(server.received)).toEqual(['hello']);
    expect((await heard).payload).toBe('welcome');
    close();
  });

  it('keeps messages sent during a cut, and sends them in order after it', async () => {
    const { wire, server, cut, restore, close } = testWire();
    await wire.send(said('1'));
    cut();
    expect(wire.state.status).toBe(ConnectionStatus.RECONNECTING);
    wire.next(said('2'));
    wire.next(said('3'));
    restore();
    const all = await firstValueFrom(server.received$.pipe(take(3), toArray()));
    expect(payloads(all)).toEqual(['1', '2', '3']);
    close();
  });

  it('loses frames in flight when the connection is lost, and the session sends the messages again', async () => {
    const { wire, server, drop, blackhole, restore, close } = testWire();
    await wire.send(said('1'));
    blackhole();
    wire.next(said('2'));
    await eventually(() => expect(wire.isPending('2')).toBe(true));
    restore();
    drop();
    await eventually(() => expect(payloads(server.received)).toEqual(['1', '2']));
    close();
  });

  it('crashes the server: a new one has no state, and receives the unacked messages', async () => {
    const { wire, server, crashServer, close } = testWire();
    await wire.send(said('1'));
    const second = firstValueFrom(server.wires$.pipe(filter((_, index) => index === 1)));
    crashServer();
    await second;
    await wire.send(said('2'));
    expect(payloads(server.received)).toEqual(['1', '2']);
    close();
  });

  it('serves as the application does: requests, channels, and handlers', async () => {
    const rooms = hub();
    const { wire, close } = testWire({
      codec: msgpack(),
      serve(one) {
        rooms.serve(one);
        one.pipe(reply({ double: ({ payload }) => of((payload as number) * 2) })).subscribe(one);
      },
    });
    expect(await firstValueFrom(request(wire, createMessage('double', 21)))).toBe(42);
    const room = channel(wire, 'room.1');
    const first = firstValueFrom(room);
    await room.send(said('hello'));
    expect((await first).payload).toBe('hello');
    close();
  });

  it('has room for further clients, on the same network', async () => {
    const { server, link, wire, cut, close } = testWire();
    const other = connect({ link });
    await Promise.all([wire.send(said('1')), other.send(said('2'))]);
    expect(server.received).toHaveLength(2);
    cut();
    expect([wire, other].map(({ state }) => state.status)).toEqual([ConnectionStatus.RECONNECTING, ConnectionStatus.RECONNECTING]);
    other.unsubscribe();
    close();
  });

  it('refuses a client of the other protocol', async () => {
    const { link, close } = testWire();
    const plain = connect({ link, protocol: envelopeProtocol });
    const { error } = await firstValueFrom(plain.state$.pipe(filter(({ status }) => status === 'error')));
    expect(String(error)).toContain('no hello that this server understands');
    close();
  });

  it('keeps a limited number of messages for a client that is not there', () => {
    const { server, close } = testWire({ isCut: true });
    for (let index = 0; index < 10_000; index++) server.next(said('x'));
    expect(() => server.next(said('x'))).toThrow(OverflowError);
    close();
  });

  it('takes virtual time in a marble, and ends with it', () => {
    runMarble({ source: '-a', expected: '------x', values: { a: said('a'), x: 'a' }, lag: '--|' }, (source, { wire, connection }) => {
      source.subscribe((message) => wire.next(message));
      return connection.server.received$.pipe(map(({ id }) => id));
    });
  });

  it('carries the types of a map', async () => {
    interface Mine {
      'mine.said': { readonly text: string };
    }
    const { wire, server, close } = testWire<Mine>();
    wire.next(createMessage('mine.said', { text: 'hello' }));
    const { payload } = await firstValueFrom(server.received$);
    expect(payload.text).toBe('hello');
    // @ts-expect-error a type of no map
    expect(() => server.next(createMessage('mine.other', 1))).not.toThrow();
    close();
  });

  it('delays frames', async () => {
    const { wire, lag, close } = testWire();
    await wire.send(said('1'));
    lag(30);
    const latency = firstValueFrom(wire.latency$.pipe(filter((ms) => ms >= 30)));
    wire.send(said('2')).catch(() => undefined);
    expect(await latency).toBeGreaterThanOrEqual(60 - 2);
    close();
  });
});
