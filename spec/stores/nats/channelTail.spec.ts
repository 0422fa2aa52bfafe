import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection, SubscriptionOptions } from '@nats-io/nats-core';
import { firstValueFrom } from 'rxjs';
import { asObservable } from '../../../lib/message/maybeAsync.js';
import { natsChannelLog } from '../../../lib/stores/nats/index.js';
import { asked, textsOf } from '../../support/asked.js';
import { describeWith } from '../../support/debian.js';
import { startNats, type Nats } from '../../support/nats.js';
import { record } from '../../support/record.js';
import { note } from '../../support/rooms.js';

describeWith('nats-server', 'the tail of a channel in NATS', (program) => {
  let nats: Nats;
  let streams = 0;
  beforeAll(async () => {
    nats = await startNats(program);
  });
  afterAll(() => nats.close());

  /** A connection that loses copies of entries, as core NATS may. */
  const lossy = async () => {
    const real = await nats.connect();
    const faults = { isLosing: false, lost: 0 };
    const connection = Object.assign(Object.create(real) as NatsConnection, {
      subscribe(subject: string, options: SubscriptionOptions) {
        const { callback } = options;
        return real.subscribe(subject, {
          ...options,
          callback(error, message) {
            if (subject.includes('.live.') && faults.isLosing) faults.lost++;
            else void callback?.(error, message);
          },
        });
      },
    });
    return { connection, faults };
  };
  const openPair = async (checkInterval: number) => {
    const stream = `tail-${++streams}`;
    const { connection, faults } = await lossy();
    const follower = natsChannelLog({ connection, stream, checkInterval });
    const writer = natsChannelLog({ connection: await nats.connect(), stream });
    return { stream, faults, follower, writer: asked(writer) };
  };

  it('reads missed entries when the next entry arrives', async () => {
    const { faults, follower, writer } = await openPair(60_000);
    const tail = record(follower.tail('a'));
    await asked(follower).read('a');
    await writer.add('a', 1);
    await tail.take(1);
    faults.isLosing = true;
    for (const text of [2, 3, 4]) await writer.add('a', text);
    while (faults.lost < 3) await asked(follower).read('a');
    faults.isLosing = false;
    const last = await writer.add('a', 5);
    await tail.take(5);
    expect([textsOf(tail.values), tail.values[4]?.offset, tail.isOver()]).toEqual([[1, 2, 3, 4, 5], last.offset, false]);
    tail.subscription.unsubscribe();
  });

  it('also reads the first entry after the last one read', async () => {
    const { faults, follower, writer } = await openPair(60_000);
    await writer.add('a', 'before');
    const tail = record(follower.tail('a'));
    await asked(follower).read('a');
    faults.isLosing = true;
    await writer.add('a', 1);
    while (faults.lost < 1) await asked(follower).read('a');
    faults.isLosing = false;
    await writer.add('a', 2);
    expect(textsOf(await tail.take(2))).toEqual([1, 2]);
    tail.subscription.unsubscribe();
  });

  it('finds the last missed entry by a check, in each of many channels', async () => {
    const { faults, follower, writer } = await openPair(20);
    const tails = Array.from({ length: 100 }, (_, index) => record(follower.tail(`room.${index}`)));
    await Promise.all(tails.map((_, index) => asked(follower).read(`room.${index}`, undefined, 0)));
    faults.isLosing = true;
    await Promise.all(tails.map((_, index) => writer.add(`room.${index}`, 1, 2)));
    for (const tail of tails) expect(textsOf(await tail.take(2))).toEqual([1, 2]);
    expect(faults.lost).toBeGreaterThanOrEqual(100);
    tails.forEach(({ subscription }) => subscription.unsubscribe());
  });

  it('finds by a check an entry missed directly after a copy', async () => {
    const { faults, follower, writer } = await openPair(50);
    const tail = record(follower.tail('a'));
    await asked(follower).read('a');
    for (let round = 0; round < 5; round++) {
      await writer.add('a', 'copied');
      await tail.take(2 * round + 1);
      faults.isLosing = true;
      await writer.add('a', 'lost');
      await tail.take(2 * round + 2);
      faults.isLosing = false;
    }
    tail.subscription.unsubscribe();
  });

  it('fails when the missed entries were removed in the meantime', async () => {
    const { stream, faults, follower, writer } = await openPair(60_000);
    const tail = record(follower.tail('a'));
    await asked(follower).read('a');
    await writer.add('a', 1);
    await tail.take(1);
    faults.isLosing = true;
    const { offset } = await writer.add('a', 2);
    while (faults.lost < 1) await asked(follower).read('a');
    const manager = await jetstreamManager(await nats.connect());
    await manager.streams.purge(stream, { filter: `${stream}.channel.a`, seq: Math.floor(offset / 4_096) + 1 });
    faults.isLosing = false;
    await writer.add('a', 3);
    expect(await tail.ended).toMatchObject({ code: 'ERR_STORE', fault: 'evicted' });
  });

  it('hears nothing of other channels', async () => {
    const { follower, writer } = await openPair(60_000);
    const tails = ['a', 'a.b', 'a.b.c'].map((name) => record(follower.tail(name)));
    for (const name of ['a.b', 'a', 'b', 'a.b.c', 'a.b']) await writer.add(name, name);
    const last = await firstValueFrom(asObservable(() => follower.append('a', note('last'))));
    await tails[0]!.take(2);
    expect(tails[0]!.values[1]?.offset).toBe(last.offset);
    await tails[2]!.take(1);
    await tails[1]!.take(2);
    expect(tails.map(({ values }) => textsOf(values))).toEqual([['a', 'last'], ['a.b', 'a.b'], ['a.b.c']]);
    tails.forEach(({ subscription }) => subscription.unsubscribe());
  });
});
