import { firstValueFrom } from 'rxjs';
import { channel } from '../../lib/operators/channels/channel.js';
import type { ChannelLog } from '../../lib/channels/channelLog.js';
import type { HubOptions } from '../../lib/server/hub/hubOptions.js';
import { memoryChannelLog } from '../../lib/server/hub/memoryChannelLog.js';
import { natsChannelLog } from '../../lib/stores/nats/index.js';
import { lmdbChannelLog, type LmdbChannelLog } from '../../lib/adapters/node/index.js';
import { folder } from '../stores/lmdb/folder.js';
import { asked, textsOf } from '../support/asked.js';
import { describeWith } from '../support/debian.js';
import { startNats, type Nats } from '../support/nats.js';
import { record } from '../support/record.js';
import { note, rooms } from '../support/rooms.js';

const guests: HubOptions = { identify: () => 'guest' };

describe('a repeat is a message of the same publisher, in', () => {
  describe('memory', () => promise(() => memoryChannelLog()));

  describe('LMDB', () => {
    let log: LmdbChannelLog | undefined;
    afterEach(() => log?.close());
    promise(() => (log = lmdbChannelLog({ path: folder() })));
  });

  describeWith('nats-server', 'NATS', (program) => {
    let nats: Nats;
    let streams = 0;
    let connection: Awaited<ReturnType<Nats['connect']>>;
    beforeAll(async () => {
      nats = await startNats(program);
      connection = await nats.connect();
    });
    afterAll(() => nats.close());
    promise(() => natsChannelLog({ connection, stream: `repeats-${++streams}` }));
  });
});

function promise(openLog: () => ChannelLog): void {
  let town: ReturnType<typeof rooms>;
  let log: ChannelLog;
  const open = (options: HubOptions = {}): void => {
    log = openLog();
    town = rooms({ log, ...options });
  };
  afterEach(() => town.close());

  const stored = async (): Promise<unknown[]> => textsOf((await asked(log).back('room.1')).entries);
  const room = () => channel(town.client(), 'room.1');

  it.each<readonly [string, HubOptions]>([
    ['two anonymous clients', {}],
    ['two clients that are one member', guests],
    ['two members', { identify: ({ id }) => `user.${id}` }],
  ])('keeps both messages of %s with the same id', async (_, options) => {
    open(options);
    const mallory = await room().send(note('mallory', 'order-1'));
    const bob = await room().send(note('bob', 'order-1'));
    expect(await stored()).toEqual(['mallory', 'bob']);
    expect(bob?.offset).toBeGreaterThan(mallory!.offset);
  });

  it('keeps the message of a client with the id of one of the server', async () => {
    open();
    await room().send(note('mallory', 'placed-1'));
    await town.hall.channel('room.1').send(note('server', 'placed-1'));
    await room().send({ ...note('a client that says it is the hub', 'placed-1'), source: 'hub' });
    expect(await stored()).toEqual(['mallory', 'server', 'a client that says it is the hub']);
  });

  it.each<readonly [string, HubOptions, boolean]>([
    ['an anonymous client', {}, false],
    ['a member', guests, false],
    ['an anonymous client, by another hub', {}, true],
  ])('stores once what %s publishes again after its session was lost', async (_, options, isOther) => {
    let isFirst = true;
    // The log has the message, and the client does not learn it.
    const authorize = (): true => {
      if (isFirst) town.net.silence(true);
      isFirst = false;
      return true;
    };
    open({ ...options, authorize });
    const sent = room().send(note('once', 'n1'));
    while ((await stored()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    town.restart(isOther ? { log, ...options } : undefined);
    town.net.silence(false);
    town.net.cut();
    const position = await sent;
    expect(await stored()).toEqual(['once']);
    expect(position).toMatchObject({ offset: (await asked(log).back('room.1')).last });
    expect(town.served.length).toBe(2);
  });

  it('stores once what the server publishes twice, at the same time or later', async () => {
    open();
    const messages = [note('a', 'row-1'), note('b', 'row-2')];
    const relay = (hall = town.hall) => Promise.all(messages.map((message) => hall.channel('orders').send(message)));
    const [first, again] = await Promise.all([relay(), relay()]);
    expect(again).toEqual(first);
    expect(await relay()).toEqual(first);
    town.restart({ log });
    expect(await relay(town.hall)).toEqual(first);
    expect(textsOf((await asked(log).back('orders')).entries)).toEqual(['a', 'b']);
  });

  it('shows the id of the member as the source to members, the server, later readers, and in a keyed channel', async () => {
    open(guests);
    town.hall.channel('carets', { key: ({ source }) => source });
    const here = record(town.hall.channel('room.1'));
    const { messages } = await town.member('room.1');
    const writer = town.client();
    await channel(writer, 'room.1').send(note('hello'));
    const late = await town.member('room.1', { from: 'start' });
    const seen = [
      ...(await here.take(1)),
      ...(await messages.take(1)),
      ...(await late.messages.take(1)),
      (await firstValueFrom(late.room.history())).message,
      await firstValueFrom(town.hall.channel('room.1', { from: 'start' })),
    ];
    expect(seen.map(({ source }) => source)).toEqual(seen.map(() => 'guest'));
    await channel(writer, 'carets').send(note(1));
    await channel(town.client(), 'carets').send(note(2));
    expect((await record(channel(town.client(), 'carets')).take(1)).map(({ payload }) => payload)).toEqual([2]);
  });
}
