import { jetstreamManager } from '@nats-io/jetstream';
import { filter, firstValueFrom, from } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import type { ChannelOptions } from '../../../lib/operators/channels/channelOptions.js';
import { hub } from '../../../lib/server/hub/hub.js';
import { webSocket } from '../../../lib/io/webSocket.js';
import { natsChannelLog, type NatsChannelLogOptions } from '../../../lib/stores/nats/index.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { connect } from '../../../lib/wire/connect.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { describeWith } from '../../support/debian.js';
import { startNats, type Nats } from '../../support/nats.js';
import { record } from '../../support/record.js';
import { note, payloads } from '../../support/rooms.js';
import { wireServer } from '../../support/wireServer.js';

describeWith('nats-server', 'several servers that share channels by NATS', (program) => {
  let nats: Nats;
  const ends: (() => unknown)[] = [];
  beforeEach(async () => {
    nats = await startNats(program);
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await nats.close();
  });

  /** A server of its own: a connection to NATS, a hub, and sockets. */
  async function site(options: Partial<NatsChannelLogOptions> = {}) {
    const connection = await nats.connect();
    const rooms = hub({ log: natsChannelLog({ connection, ...options }) });
    const errors = record(rooms.errors$);
    const server = await wireServer(rooms.serve);
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (!isOpen) return;
      isOpen = false;
      await server.close();
      await connection.close();
    };
    ends.push(close);
    return { connection, rooms, errors, close, url: server.url };
  }
  /** A client, which finds its server where `at` says. */
  function client(at: { url: string }): Wire {
    const wire = connect({ link: (outgoing) => webSocket(at.url)(outgoing), reconnect: { initialInterval: 20, jitter: 0 } });
    ends.push(() => wire.unsubscribe());
    return wire;
  }
  async function member(at: { url: string }, options: ChannelOptions = {}) {
    const room = channel(client(at), 'room.1', options);
    const messages = record(room);
    const gaps = record(room.gaps$);
    const errors = record(room.errors$);
    await firstValueFrom(room.state$.pipe(filter(({ status }) => status === 'joined')));
    return { room, messages, gaps, errors };
  }
  const got = async (one: Awaited<ReturnType<typeof member>>, count: number) => payloads(await one.messages.take(count));

  it('delivers messages published on any server to the members on all servers, in the same order', async () => {
    const [a, b] = [await member(await site()), await member(await site())];
    for (let index = 0; index < 50; index++) {
      a.room.next(note(`a${index}`));
      b.room.next(note(`b${index}`));
    }
    const [there, here] = [await got(a, 100), await got(b, 100)];
    expect(there).toEqual(here);
    for (const name of ['a', 'b'])
      expect(there.filter((text) => String(text).startsWith(name))).toEqual(Array.from({ length: 50 }, (_, index) => `${name}${index}`));
    expect([...a.gaps.values, ...b.gaps.values]).toEqual([]);
  });

  it('lets a server itself publish to all, and hear all', async () => {
    const [one, other] = [await site(), await site()];
    const heard = record(one.rooms.channel('room.1'));
    const b = await member(other);
    one.rooms.channel('room.1').next(note('from the server'));
    b.room.next(note('from a client'));
    const both = await got(b, 2);
    expect(payloads(await heard.take(2))).toEqual(both);
    heard.subscription.unsubscribe();
  });

  it('delivers the missed messages to a member on another server', async () => {
    const [first, second] = [await site(), await site()];
    const at = { url: first.url };
    const away = await member(at);
    const other = await member(second);
    away.room.next(note(1));
    await Promise.all([got(away, 1), got(other, 1)]);
    at.url = 'ws://127.0.0.1:9/wire';
    await first.close();
    for (const text of [2, 3, 4]) other.room.next(note(text));
    await got(other, 4);
    at.url = second.url;
    expect(await got(away, 4)).toEqual([1, 2, 3, 4]);
    other.room.next(note(5));
    expect(await got(away, 5)).toEqual([1, 2, 3, 4, 5]);
    expect(away.gaps.values).toEqual([]);
  });

  it('continues at its position, also in an empty channel', async () => {
    const [first, second] = [await site(), await site()];
    const at = { url: first.url };
    const away = await member(at);
    second.rooms.channel('room.2').next(note('elsewhere'));
    const other = await member(second);
    at.url = second.url;
    await first.close();
    await firstValueFrom(away.room.state$.pipe(filter(({ status }) => status === 'recovering')));
    await firstValueFrom(away.room.state$.pipe(filter(({ status }) => status === 'joined')));
    other.room.next(note(1));
    expect(await got(away, 1)).toEqual([1]);
    expect(away.gaps.values).toEqual([]);
  });

  it('loses, repeats and reorders nothing while NATS is killed and restarted', async () => {
    const patient = { timeout: 15_000 };
    const [a, b] = [await member(await site(patient)), await member(await site(patient))];
    const texts = Array.from({ length: 120 }, (_, index) => index);
    for (const text of texts.slice(0, 40)) a.room.next(note(text));
    await got(b, 1);
    await nats.kill();
    for (const text of texts.slice(40, 80)) a.room.next(note(text));
    await nats.start();
    for (const text of texts.slice(80)) a.room.next(note(text));
    expect(await got(b, 120)).toEqual(texts);
    expect(await got(a, 120)).toEqual(texts);
    b.room.next(note('end'));
    expect([(await got(a, 121)).at(-1), (await got(b, 121)).at(-1)]).toEqual(['end', 'end']);
    expect([a.gaps.values, b.gaps.values, a.errors.values]).toEqual([[], [], []]);
  });

  it('sends an at-most-once message to the members on all servers, stores it nowhere, and sends none late', async () => {
    const typing = (text: string) => createMessage('note', text, { delivery: 'at-most-once' });
    const here = await site({ timeout: 15_000 });
    const [a, b] = [await member(here), await member(await site())];
    a.room.next(typing('from a'));
    expect([await got(a, 1), await got(b, 1)]).toEqual([['from a'], ['from a']]);
    here.rooms.channel('room.1').next(typing('from the server'));
    expect([await got(a, 2), await got(b, 2)]).toEqual(Array(2).fill(['from a', 'from the server']));

    const lost = firstValueFrom(from(here.connection.status()).pipe(filter(({ type }) => type === 'disconnect')));
    await nats.kill();
    await lost;
    a.room.next(typing('into the void'));
    expect(await a.errors.take(1)).toMatchObject([{ code: 'ERR_CHANNEL_REFUSED', reason: 'failed' }]);
    expect(await here.errors.take(1)).toMatchObject([{ code: 'ERR_CHANNEL_FAILED', part: 'log' }]);
    await nats.start();
    a.room.next(note('stored'));
    expect([await got(a, 3), await got(b, 3)]).toEqual(Array(2).fill(['from a', 'from the server', 'stored']));
    const late = await member(here, { from: { last: 10 } });
    expect(await got(late, 1)).toEqual(['stored']);
    expect([a.gaps.values, b.gaps.values]).toEqual([[], []]);
  });

  it('fails publishing within the timeout while NATS is unreachable, and continues when it is back', async () => {
    const told: unknown[] = [];
    const here = await site({ timeout: 300, onError: (error) => told.push(error) });
    const a = await member(here);
    await nats.kill();
    const begun = performance.now();
    a.room.next(note('lost'));
    await a.errors.take(1);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(a.errors.values[0]).toMatchObject({ code: 'ERR_CHANNEL_REFUSED', action: 'publish', reason: 'failed' });
    expect(here.errors.values[0]).toMatchObject({ code: 'ERR_CHANNEL_FAILED', part: 'log', cause: { code: 'ERR_STORE', store: 'nats' } });
    expect(told[0]).toMatchObject({ code: 'ERR_STORE', store: 'nats', fault: 'failed' });
    const reconnected = firstValueFrom(from(here.connection.status()).pipe(filter(({ type }) => type === 'reconnect')));
    await nats.start();
    await reconnected;
    a.room.next(note('found'));
    expect(await got(a, 1)).toEqual(['found']);
  });

  it('reports a gap to members when the history was purged', async () => {
    const [here, there] = [await site({ checkInterval: 50 }), await site({ checkInterval: 50 })];
    const [a, b] = [await member(here), await member(there)];
    a.room.next(note('before'));
    await Promise.all([got(a, 1), got(b, 1)]);
    await (await jetstreamManager(here.connection)).streams.purge('rxwire');
    await Promise.all([here.errors.take(1), there.errors.take(1)]);
    a.room.next(note('after'));
    expect([(await got(a, 2)).at(-1), (await got(b, 2)).at(-1)]).toEqual(['after', 'after']);
    for (const { gaps } of [a, b]) expect(gaps.values.map(({ reason }) => reason)).toEqual(['epoch']);
  });

  it('has the history when all servers were restarted', async () => {
    const first = [await site(), await site()];
    const at = { url: first[0]!.url };
    const away = await member(at);
    const other = await member(first[1]!);
    for (const text of [1, 2, 3]) other.room.next(note(text));
    await got(away, 3);
    at.url = 'ws://127.0.0.1:9/wire';
    for (const one of first) await one.close();
    await nats.kill();
    await nats.start();
    const second = await site();
    const fresh = await member(second, { from: { last: 2 } });
    expect(await got(fresh, 2)).toEqual([2, 3]);
    fresh.room.next(note(4));
    at.url = second.url;
    expect(await got(away, 4)).toEqual([1, 2, 3, 4]);
    expect(away.gaps.values).toEqual([]);
  });
});
