import { jetstreamManager } from '@nats-io/jetstream';
import { firstValueFrom } from 'rxjs';
import type { ChannelLog } from '../../../lib/channels/channelLog.js';
import { asObservable } from '../../../lib/message/maybeAsync.js';
import type { ChannelPosition } from '../../../lib/message/channelTypes.js';
import { natsChannelLog } from '../../../lib/stores/nats/index.js';
import { asked, textsOf } from '../../support/asked.js';
import { describeWith } from '../../support/debian.js';
import { startNatsCluster, type NatsServers } from '../../support/nats.js';
import { record } from '../../support/record.js';
import { note } from '../../support/rooms.js';

describeWith('nats-server', 'channels on three nats-servers', (program) => {
  let nats: NatsServers;
  beforeAll(async () => {
    nats = await startNatsCluster(program);
  }, 60_000);
  afterAll(() => nats.close());

  const open = async (stream: string): Promise<ChannelLog> =>
    natsChannelLog({ connection: await nats.connect(), stream, replicas: 3, timeout: 30_000, checkInterval: 1_000 });
  const append = (log: ChannelLog, channel: string, text: string): Promise<ChannelPosition> =>
    firstValueFrom(asObservable(() => log.append(channel, note(text, text))));
  const whole = async (log: ChannelLog, channel: string) => (await asked(log).start(channel, 100_000)).entries;

  it('take many first messages at once, on a stream that is not there yet', async () => {
    const logs = [await open('new'), await open('new'), await open('new')];
    const names = Array.from({ length: 100 }, (_, index) => `room.${index}`);
    await Promise.all(logs.flatMap((log, server) => names.map((name) => append(log, name, `${server}`))));
    for (const name of names.slice(0, 10)) expect(textsOf(await whole(logs[0]!, name)).sort()).toEqual(['0', '1', '2']);
  }, 60_000);

  it('lose, double and reorder nothing while the leader is killed, and fail no append', async () => {
    const writers = [await open('killed'), await open('killed')];
    const follower = await open('killed');
    const names = ['room.1', 'room.2', 'room.3'];
    const tails = names.map((name) => record(follower.tail(name)));
    for (const name of names) await asked(follower).read(name);
    const count = 600;
    const manager = await jetstreamManager(await nats.connect());
    const leader = (await manager.streams.info('killed')).cluster?.leader ?? '';
    const server = nats.servers[Number(leader.slice(1))]!;

    let stored = 0;
    let killed: Promise<void> | undefined;
    /** A window of messages on their way, as several clients have them. */
    const write = async (log: ChannelLog, writer: number, name: string): Promise<void> => {
      for (let index = 0; index < count; index += 20) {
        await Promise.all(Array.from({ length: 20 }, (_, place) => append(log, name, `${writer}-${index + place}`)));
        stored += 20;
        if (stored >= count) killed ??= server.kill();
      }
    };
    await Promise.all(writers.flatMap((log, writer) => names.map((name) => write(log, writer, name))));
    await killed;
    await server.start();

    for (const [index, name] of names.entries()) {
      const entries = await whole(writers[0]!, name);
      const texts = textsOf(entries) as string[];
      for (const writer of [0, 1])
        expect(texts.filter((text) => text.startsWith(`${writer}-`))).toEqual(Array.from({ length: count }, (_, at) => `${writer}-${at}`));
      expect(texts.length).toBe(2 * count);
      const tail = tails[index]!;
      await tail.take(2 * count);
      expect([textsOf(tail.values), tail.isOver()]).toEqual([texts, false]);
      expect(tail.values.map(({ offset }) => offset)).toEqual(entries.map(({ offset }) => offset));
    }
    tails.forEach(({ subscription }) => subscription.unsubscribe());
  }, 90_000);
});
