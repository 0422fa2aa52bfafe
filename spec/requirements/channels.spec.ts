import { msgpack } from '../../lib/codec/msgpack.js';
import { channel } from '../../lib/operators/channels/channel.js';
import { hub } from '../../lib/server/hub/hub.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { note, payloads } from '../support/rooms.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { wireServer } from '../support/wireServer.js';

/** R2, over real sockets. */
describe('several channels are multiplexed over one connection', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function start(hall = hub()) {
    const server = await wireServer((wire) => hall.serve(wire));
    cleanups.push(() => server.close());
    const proxy = await tcpProxy(server.port);
    cleanups.push(() => proxy.close());
    const client = (): Wire => {
      const wire = connect({
        link: webSocket(`ws://127.0.0.1:${proxy.port}/wire`),
        codec: msgpack(),
        reconnect: { initialInterval: 20, maxInterval: 20, jitter: 0 },
      });
      cleanups.push(() => wire.unsubscribe());
      return wire;
    };
    /** Another server, that knows nothing of the clients. */
    const restart = async (other = hall): Promise<void> => {
      server.stop();
      proxy.cut();
      const next = await wireServer((wire) => other.serve(wire));
      cleanups.push(() => next.close());
      proxy.aim(next.port);
      proxy.cut();
    };
    return { hall, proxy, server, client, restart };
  }

  async function member(wire: Wire, name: string) {
    const room = channel(wire, name);
    const [messages, states, gaps] = [record(room), record(room.state$), record(room.gaps$)];
    await states.take(2);
    return { room, messages, states, gaps };
  }

  it('each delivers its messages to its members, in order, also while the connection is repeatedly lost', async () => {
    const { client, proxy, server } = await start();
    let sockets = 0;
    server.server.on('upgrade', () => sockets++);
    const [ann, bob] = [client(), client()];
    const names = ['a', 'b', 'c'];
    const heard = await Promise.all(names.map((name) => member(bob, name)));
    const said = await Promise.all(names.map((name) => member(ann, name)));
    expect(sockets).toBe(2);

    const count = 200;
    for (let index = 0; index < count; index++) {
      said.forEach(({ room }, at) => room.next(note(`${names[at]}${index}`)));
      if (index % 40 === 39) {
        await heard[0]!.messages.take(index - 20);
        proxy.cut();
      }
    }
    for (const [at, { messages, gaps, states }] of heard.entries()) {
      expect(payloads(await messages.take(count))).toEqual(Array.from({ length: count }, (_, index) => `${names[at]}${index}`));
      expect([gaps.values, states.values.map(({ status }) => status)]).toEqual([[], ['joining', 'joined']]);
    }
  });

  it('a channel is joined again by itself after a lost session, and recovers what was missed', async () => {
    const { hall, client, restart } = await start();
    const { messages, states, gaps } = await member(client(), 'room.1');
    hall.channel('room.1').next(note(1));
    await messages.take(1);
    await restart();
    hall.channel('room.1').next(note(2));
    hall.channel('room.1').next(note(3));
    expect(payloads(await messages.take(3))).toEqual([1, 2, 3]);
    await states.take(4);
    expect(states.values.map(({ status }) => status)).toEqual(['joining', 'joined', 'recovering', 'joined']);
    expect(gaps.values).toEqual([]);
  });

  it('a channel is told of the gap when the server has lost its history', async () => {
    const { hall, client, restart } = await start();
    const { messages, states, gaps } = await member(client(), 'room.1');
    hall.channel('room.1').next(note('old'));
    await messages.take(1);
    const other = hub();
    await restart(other);
    await states.take(5);
    other.channel('room.1').next(note('new'));
    expect(payloads(await messages.take(2))).toEqual(['old', 'new']);
    expect([gaps.values.length, gaps.values[0]?.reason]).toEqual([1, 'epoch']);
    expect(states.values.map(({ status }) => status)).toEqual(['joining', 'joined', 'recovering', 'gap', 'joined']);
  });

  it('presence follows joins and leaves', async () => {
    const { client } = await start();
    const [ann, bob] = [client(), client()];
    const { room } = await member(ann, 'room.1');
    const presence = record(room.presence$);
    await presence.take(1);
    const other = await member(bob, 'room.1');
    await presence.take(2);
    bob.complete();
    const [, came, went] = await presence.take(3);
    const id = other.states.values[1]?.member;
    expect([came?.entered, came?.members.length, went?.left, went?.members.length]).toEqual([[{ id }], 2, [{ id }], 1]);
  });
});
