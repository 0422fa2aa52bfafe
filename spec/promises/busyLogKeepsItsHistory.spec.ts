import { setImmediate, setTimeout } from 'node:timers/promises';
import { firstValueFrom } from 'rxjs';
import { createMessage, type ChannelLog } from '../../lib/index.js';
import { asObservable } from '../../lib/message/maybeAsync.js';
import { natsChannelLog } from '../../lib/stores/nats/index.js';
import { describeWith } from '../support/debian.js';
import { startNats, type Nats } from '../support/nats.js';
import { tcpProxy } from '../support/tcpProxy.js';

describeWith('nats-server', 'a log of many busy channels in NATS that loses nothing', (program) => {
  let nats: Nats;
  beforeAll(async () => {
    nats = await startNats(program);
  });
  afterAll(() => nats.close());

  const append = (log: ChannelLog, channel: string, count: number, payload?: string) =>
    firstValueFrom(asObservable(() => log.append(channel, createMessage('spec.noted', payload, { id: `${count}` }))));
  const read = (log: ChannelLog, channel: string) =>
    firstValueFrom(asObservable(() => log.read(channel, { after: 'start', limit: 1_000 })));

  it('has one epoch, and each read returns all of its messages', async () => {
    const CHANNELS = Array.from({ length: 40 }, (_, index) => `room.${index}`);
    const log = natsChannelLog({ connection: await nats.connect(), checkInterval: 10 });
    const failures: unknown[] = [];
    const tails = CHANNELS.map((name) => log.tail(name).subscribe({ error: (error) => failures.push(error) }));
    const end = performance.now() + 3_000;
    const counts = await Promise.all(
      CHANNELS.map(async (name) => {
        let count = 0;
        while (performance.now() < end) await append(log, name, count++);
        return count;
      }),
    );
    const slices = await Promise.all(CHANNELS.map((name) => read(log, name)));
    tails.forEach((tail) => tail.unsubscribe());
    expect(failures).toEqual([]);
    expect(new Set(slices.map(({ epoch }) => epoch)).size).toBe(1);
    expect(slices.map(({ entries }) => entries.length)).toEqual(counts.map((count) => Math.min(count, 1_000)));
  }, 30_000);

  it.each(['forwards', 'backwards'])(
    'returns all of them when the connection is lost during a read %s',
    async (way) => {
      const COUNT = 400;
      const proxy = await tcpProxy(nats.port());
      const connection = await nats.connect({ servers: `127.0.0.1:${proxy.port}` });
      const log = natsChannelLog({ connection, stream: way });
      for (let count = 0; count < COUNT; count++) await append(log, 'room', count, 'x'.repeat(600));
      const before = connection.stats().inBytes;
      const slice = way === 'forwards' ? read(log, 'room') : firstValueFrom(asObservable(() => log.read('room', { limit: COUNT })));
      while (connection.stats().inBytes - before < 50_000) await setImmediate();
      // NATS sends the next entries, and believes that they arrive.
      proxy.weather({ down: { swallow: true } });
      await setTimeout(50);
      proxy.weather({});
      proxy.cut();
      const { entries } = await slice;
      await proxy.close();
      expect(entries.map(({ message }) => message.id)).toEqual(Array.from({ length: COUNT }, (_, index) => `${index}`));
    },
    30_000,
  );
});
