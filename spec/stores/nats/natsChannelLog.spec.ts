import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { cpSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { asyncScheduler, firstValueFrom } from 'rxjs';
import type { ChannelLog } from '../../../lib/channels/channelLog.js';
import { ChannelEndedError, FrameTooLargeError, OverflowError, type RxwireError } from '../../../lib/message/errors.js';
import { json } from '../../../lib/codec/json.js';
import { channel } from '../../../lib/operators/channels/channel.js';
import { hub } from '../../../lib/server/hub/hub.js';
import { asObservable } from '../../../lib/message/maybeAsync.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { offsetOf } from '../../../lib/stores/nats/streamEntry.js';
import { natsChannelLog, type NatsChannelLogOptions } from '../../../lib/stores/nats/index.js';
import { asked, textsOf } from '../../support/asked.js';
import type { LogPlace, PlaceLimits } from '../../support/channelLogCases.js';
import { channelLogContract } from '../../support/channelLogContract.js';
import { describeWith } from '../../support/debian.js';
import { eventually } from '../../support/eventually.js';
import { startNats, type Nats } from '../../support/nats.js';
import { record } from '../../support/record.js';
import { note, payloads } from '../../support/rooms.js';
import { pair } from '../../support/sessionPair.js';

describeWith('nats-server', 'natsChannelLog', (program) => {
  let nats: Nats;
  let connection: NatsConnection;
  let streams = 0;
  beforeAll(async () => {
    nats = await startNats(program);
    connection = await nats.connect();
  });
  afterAll(() => nats.close());

  const open = (options: Partial<NatsChannelLogOptions> = {}): ChannelLog =>
    natsChannelLog({ connection, stream: `test-${++streams}`, ...options });
  const latest = (): string => `test-${streams}`;
  const manager = () => jetstreamManager(connection);
  const append = (log: ChannelLog, channel: string, message = note('again', 'id-1')) =>
    firstValueFrom(asObservable(() => log.append(channel, message)));

  channelLogContract({
    name: 'natsChannelLog',
    open: natsPlace,
    lacks: [
      'recognizes a repeat of each message that it has',
      'limits the bytes of a channel',
      'misses no message when all are too old',
      'has limits of its own for a channel',
      'limits the bytes of all channels',
      'keeps a channel that has ended as a whole',
      'knows an end whose messages are removed',
      'compacts messages',
      'keeps the positions of a restored backup',
      'forgets idle channels',
    ],
  });

  function natsPlace(limits: PlaceLimits = {}): LogPlace {
    const stream = `test-${++streams}`;
    const copy = join(nats.folder, '..', `${basename(nats.folder)}-${stream}`);
    /** Copies the files of the server while it does not run. */
    const whileStopped = async (work: () => void): Promise<void> => {
      await nats.kill();
      work();
      await nats.start();
      connection = await nats.connect();
    };
    return {
      log: () => natsChannelLog({ connection, stream, dedupeWindow: 2_000, ...limits }),
      wait: (ms) => delay(ms),
      restart: () => undefined,
      lose: async () => {
        await (await manager()).streams.delete(stream);
      },
      backup: () => whileStopped(() => cpSync(nats.folder, copy, { recursive: true })),
      restore: async () => {
        await whileStopped(() => {
          rmSync(nats.folder, { recursive: true });
          cpSync(copy, nats.folder, { recursive: true });
          rmSync(copy, { recursive: true });
        });
        await jetstream(connection).publish(`${stream}.epoch`, 'zz25120307 1');
      },
    };
  }

  it('keeps the latest entries of a channel, and knows the removed ones', async () => {
    const { add, read, start } = asked(open({ maxMessages: 3 }));
    const after = await add('a', 1);
    await add('a', 2);
    await add('a', 3);
    expect((await read('a', after)).isComplete).toBe(true);
    await add('a', 4);
    const whole = await read('a', after);
    // The first has gone, but the second tells that it was directly behind it.
    expect([textsOf(whole.entries), whole.isComplete]).toEqual([[2, 3, 4], true]);
    await add('a', 5);
    const { entries, isComplete } = await read('a', after);
    expect([textsOf(entries), isComplete]).toEqual([[3, 4, 5], false]);
    await add('b', 'elsewhere');
    expect((await read('a', entries[0])).isComplete).toBe(true);
    expect((await start('a')).isComplete).toBe(false);
    expect((await start('b')).isComplete).toBe(true);
  });

  it('reports an invalid entry, and continues after it', async () => {
    const errors: RxwireError[] = [];
    const onError = (error: RxwireError): never => {
      errors.push(error);
      // Nobody could be told of this.
      throw new Error('a callback that fails');
    };
    const log = open({ onError });
    const { add, read } = asked(log);
    const tail = record(log.tail('a'));
    await read('a');
    for (const bytes of [new Uint8Array([0xc1]), new Uint8Array(), 'text'])
      await jetstream(connection).publish(`${latest()}.channel.a`, bytes);
    await add('a', 'good');
    await tail.take(1);
    expect(textsOf(tail.values)).toEqual(['good']);
    expect(textsOf((await read('a')).entries)).toEqual(['good']);
    expect(errors.map(({ code }) => code)).toEqual(Array.from({ length: 6 }, () => 'ERR_STORE'));
    expect(errors[0]).toMatchObject({ store: 'nats', fault: 'corrupt' });
    tail.subscription.unsubscribe();
  });

  it('tells the members of a channel once that they miss an entry of another codec, and continues behind it', async () => {
    const [ours, theirs] = [open({ codec: json() }), natsChannelLog({ connection, stream: latest() })];
    const rooms = hub({ log: ours });
    const { wire, close } = pair({ onServerWire: (there) => void rooms.serve(there) });
    const joined = channel(wire, 'a', { from: 'start' });
    const [got, gaps] = [record(joined), record(joined.gaps$)];
    for (const [log, text] of [
      [ours, 1],
      [theirs, 2],
      [ours, 3],
      [theirs, 4],
      [theirs, 5],
    ] as const)
      await append(log, 'a', note(text));
    await eventually(() => expect([payloads(got.values), gaps.values.length]).toEqual([[1, 3], 1]));
    await append(ours, 'a', note(6));
    await eventually(() => expect([payloads(got.values), gaps.values.length]).toEqual([[1, 3, 6], 2]));
    expect(gaps.values).toMatchObject([{ reason: 'history' }, { reason: 'history' }]);
    close();
  });

  describe('several logs of one stream', () => {
    const ended = (reason: string, id: string) => createMessage('channel.ended', { status: 'completed', reason }, { id });
    /** Logs of several servers. */
    const openSeveral = (count: number, options: Partial<NatsChannelLogOptions> = {}): readonly ChannelLog[] => {
      const stream = `test-${++streams}`;
      return Array.from({ length: count }, () => natsChannelLog({ connection, stream, ...options }));
    };
    const texts = async (log: ChannelLog, channel: string): Promise<unknown[]> =>
      textsOf((await firstValueFrom(asObservable(() => log.read(channel, { after: 'start', limit: 10_000 })))).entries);

    it('store waiting messages together, and read them from any position', async () => {
      const [one, other] = openSeveral(2) as [ChannelLog, ChannelLog];
      const positions = await Promise.all(Array.from({ length: 1_000 }, (_, index) => append(one, 'a', note(index, `${index}`))));
      const offsets = positions.map(({ offset }) => offset);
      expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
      expect((await (await manager()).streams.info(latest())).state.messages).toBeLessThan(20);
      const { back, read, start } = asked(other);
      for (const index of [0, 1, 2, 255, 256, 257, 500, 998, 999]) {
        const forwards = await read('a', positions[index], 3);
        expect([textsOf(forwards.entries), forwards.isComplete]).toEqual([
          [index + 1, index + 2, index + 3].filter((text) => text < 1_000),
          true,
        ]);
        const backwards = await back('a', positions[index], 3);
        expect(textsOf(backwards.entries)).toEqual([index - 3, index - 2, index - 1].filter((text) => text >= 0));
      }
      expect(textsOf((await start('a', 1_000)).entries)).toEqual([...positions.keys()]);
    });

    it('read more entries than one by one, forwards and backwards', async () => {
      const [one, other] = openSeveral(2) as [ChannelLog, ChannelLog];
      const positions = [];
      for (let index = 0; index < 100; index++) positions.push(await append(one, 'a', note(index, `${index}`)));
      const { back, read } = asked(other);
      const all = [...positions.keys()];
      expect(textsOf((await read('a', positions[9], 1_000)).entries)).toEqual(all.slice(10));
      expect(textsOf((await read('a', positions[9], 40)).entries)).toEqual(all.slice(10, 50));
      expect(textsOf((await back('a', positions[90], 1_000)).entries)).toEqual(all.slice(0, 90));
      expect(textsOf((await back('a', positions[90], 40)).entries)).toEqual(all.slice(50, 90));
      expect(textsOf((await back('a', undefined, 40)).entries)).toEqual(all.slice(60));
    });

    it('begin a channel again when its end was removed with the rest of it', async () => {
      const [one, other] = openSeveral(2) as [ChannelLog, ChannelLog];
      await append(one, 'a', ended('done', 'end'));
      await expect(append(other, 'a', note('late'))).rejects.toBeInstanceOf(ChannelEndedError);
      await (await manager()).streams.purge(latest(), { filter: `${latest()}.channel.a` });
      await append(other, 'a', note('again', 'id-3'));
      await append(one, 'a', note('and again', 'id-4'));
      expect(await texts(one, 'a')).toEqual(['again', 'and again']);
    });

    it('store a message once whose server has died between the store and the answer, and that is published again at another', async () => {
      const stream = `test-${++streams}`;
      const dying = await nats.connect();
      const [first, knowing, fresh] = [dying, connection, connection].map((own) => natsChannelLog({ connection: own, stream }));
      await append(knowing!, 'a', note('before', 'id-0'));
      const stored = Promise.all(['id-1', 'id-2', 'id-3'].map((id) => append(first!, 'a', note(id, id)))).catch(() => undefined);
      // Nobody sees the answers.
      while ((await texts(fresh!, 'a')).length < 4);
      await dying.close();
      const again = await Promise.all(['id-1', 'id-2', 'id-3', 'id-4'].map((id) => append(knowing!, 'a', note(id, id))));
      expect(await texts(fresh!, 'a')).toEqual(['before', 'id-1', 'id-2', 'id-3', 'id-4']);
      expect(await append(fresh!, 'a', note('id-2', 'id-2'))).toEqual(again[1]);
      await stored;
      expect(await texts(knowing!, 'a')).toEqual(['before', 'id-1', 'id-2', 'id-3', 'id-4']);
    });

    it('store each message once, in its order, while answers of JetStream are lost', async () => {
      const stream = `test-${++streams}`;
      const real = await nats.connect();
      let answers = 0;
      const lossy = Object.assign(Object.create(real) as NatsConnection, {
        subscribe: (...[subject, { callback, ...rest } = {}]: Parameters<NatsConnection['subscribe']>) =>
          real.subscribe(subject, {
            ...rest,
            callback(error, message) {
              const isLost = !error && message.string().includes('"stream":') && ++answers % 3 === 0;
              void callback?.(error, isLost ? (Object.create(message, { data: { value: new Uint8Array(1) } }) as typeof message) : message);
            },
          }),
      });
      const logs = [lossy, connection].map((own) => natsChannelLog({ connection: own, stream }));
      const follower = record(logs[1]!.tail('a'));
      await asked(logs[1]!).read('a');
      const write = async (log: ChannelLog, server: number): Promise<readonly number[]> => {
        const offsets: number[] = [];
        for (let index = 0; index < 200; index += 10) {
          const texts = Array.from({ length: 10 }, (_, place) => `${server}-${index + place}`);
          offsets.push(...(await Promise.all(texts.map((text) => append(log, 'a', note(text, text))))).map(({ offset }) => offset));
        }
        return offsets;
      };
      const offsets = await Promise.all(logs.map(write));
      const { entries } = await firstValueFrom(asObservable(() => logs[1]!.read('a', { after: 'start', limit: 1_000 })));
      for (const [server, own] of offsets.entries()) {
        const stored = entries.filter(({ message }) => String(message.payload).startsWith(`${server}-`));
        expect(textsOf(stored)).toEqual(own.map((_, index) => `${server}-${index}`));
        expect(stored.map(({ offset }) => offset)).toEqual(own);
      }
      expect([entries.length, answers > 20]).toEqual([400, true]);
      expect(textsOf(await follower.take(400))).toEqual(textsOf(entries));
      follower.subscription.unsubscribe();
    }, 30_000);

    it('are read up to a size, one at least', async () => {
      const log = open();
      for (let index = 0; index < 8; index++) await append(log, 'a', note('x'.repeat(1_000), `id-${index}`));
      const read = async (maxBytes: number) => {
        const query = { after: 'start', limit: 100, maxBytes } as const;
        return (await firstValueFrom(asObservable(() => log.read('a', query)))).entries.length;
      };
      expect([await read(1), await read(2_500), await read(100_000)]).toEqual([1, 3, 8]);
    });

    it('cost a message one request, where they know the channel', async () => {
      const own = await nats.connect();
      const log = open({ connection: own });
      await append(log, 'a', note(0, 'id-0'));
      const before = own.stats().outMsgs;
      for (let index = 1; index <= 20; index++) await append(log, 'a', note(index, `id-${index}`));
      expect(own.stats().outMsgs - before).toBe(20);
    });
  });

  it('has no consumer, and hears only the channels of its tails', async () => {
    const log = open();
    const tails = Array.from({ length: 100 }, (_, index) => record(log.tail(`room.${index}`)));
    const { add, read } = asked(log);
    await read('room.0');
    await Promise.all(tails.map((_, index) => add(`room.${index}`, index)));
    await Promise.all(tails.map((tail) => tail.take(1)));
    expect(tails.flatMap(({ values }) => textsOf(values))).toEqual([...tails.keys()]);
    expect((await (await manager()).streams.info(latest())).state.consumer_count).toBe(0);
    tails.forEach(({ subscription }) => subscription.unsubscribe());
    const before = connection.stats().inBytes;
    await add('room.0', 'x'.repeat(10_000));
    // The answer to the append, and nothing else.
    expect(connection.stats().inBytes - before).toBeLessThan(1_000);
  });

  it('begins another epoch when the stream was purged, and notifies the tails', async () => {
    const log = open({ checkInterval: 50 });
    const { add, read } = asked(log);
    const tail = record(log.tail('a'));
    const before = await add('a', 1);
    await tail.take(1);
    await (await manager()).streams.purge(latest());
    expect(await tail.ended).toMatchObject({ store: 'nats', fault: 'evicted' });
    const { epoch, entries, isComplete } = await read('a', before);
    expect([epoch === before.epoch, entries, isComplete]).toEqual([false, [], false]);
  });

  it('begins another epoch when the stream was deleted', async () => {
    const log = open({ checkInterval: 50 });
    const { add, read } = asked(log);
    const tail = record(log.tail('a'));
    const before = await add('a', 1, 2, 3);
    await tail.take(3);
    await (await manager()).streams.delete(latest());
    await tail.ended;
    const slice = await read('a', before);
    expect([slice.epoch === before.epoch, slice.isComplete]).toEqual([false, false]);
    await add('a', 'new');
    expect(textsOf((await read('a', { epoch: slice.epoch, offset: slice.last })).entries)).toEqual(['new']);
  });

  /** The lowest offset behind the mark of the epoch. */
  const mark = async (): Promise<number> =>
    offsetOf((await (await manager()).streams.getMessage(latest(), { last_by_subj: `${latest()}.epoch` }))?.seq ?? 0);

  it('keeps the epoch while old entries are removed', async () => {
    const log = open({ maxTotalBytes: 20_000, checkInterval: 10 });
    const tail = record(log.tail('a'));
    const { add, read } = asked(log);
    const first = await add('a', 'first');
    for (let round = 0; round < 8; round++) {
      const { offset } = await add('a', 'begin');
      await add('a', ...Array.from({ length: 10 }, (_, index) => `${index}`.padEnd(600)));
      while ((await mark()) < offset);
    }
    const { epoch, entries } = await read('a', first);
    expect([epoch, (entries[0]?.offset ?? 0) > first.offset + 1, tail.isOver()]).toEqual([first.epoch, true, false]);
    tail.subscription.unsubscribe();
  });

  it('writes the mark of the epoch again before it is too old', async () => {
    const maxAge = 10_000_000;
    const later = Object.assign(Object.create(asyncScheduler) as typeof asyncScheduler, { now: () => Date.now() + maxAge / 2 });
    const log = open({ maxAge, checkInterval: 10, scheduler: later });
    const tail = record(log.tail('a'));
    const { add, read } = asked(log);
    const { epoch, offset } = await add('a', 1);
    while ((await mark()) < offset);
    expect((await read('a')).epoch).toBe(epoch);
    tail.subscription.unsubscribe();
  });

  it('refuses messages for which NATS would close the connection', () => {
    const log = open();
    expect(() => log.append('a', note('x'.repeat(1_100_000)))).toThrow(FrameTooLargeError);
  });

  it('refuses one message that cannot be stored, and stores the others', async () => {
    const log = open();
    await append(log, 'a', note('first', 'id-0'));
    const results = ['id-1', 'id-2', 'id-3'].map((id) =>
      append(log, 'a', note(id === 'id-2' ? () => 1 : id, id)).catch((error: unknown) => error),
    );
    const [one, two, three] = await Promise.all(results);
    expect(two).toMatchObject({ code: 'ERR_ENCODE' });
    expect([one, three]).toEqual([
      expect.objectContaining({ epoch: expect.any(String) }),
      expect.objectContaining({ epoch: expect.any(String) }),
    ]);
    expect(textsOf((await asked(log).read('a')).entries)).toEqual(['first', 'id-1', 'id-3']);
  });

  it('refuses more than may wait', async () => {
    const log = open({ maxPending: 2 });
    const stored = [append(log, 'a', note(1)), append(log, 'a', note(2))];
    expect(() => log.append('b', note(3))).toThrow(OverflowError);
    await Promise.all(stored);
    await append(log, 'b');
  });

  it('does not change the stream of another application', async () => {
    await (await manager()).streams.add({ name: 'others', subjects: ['others.>'] });
    const log = open({ stream: 'others' });
    await expect(asked(log).read('a')).rejects.toMatchObject({ code: 'ERR_STORE', fault: 'failed' });
  });

  it.each(['maxMessages', 'maxTotalBytes', 'maxAge', 'dedupeWindow', 'replicas', 'timeout', 'maxPending', 'checkInterval'])(
    'refuses a %s that is not positive when called',
    (option) => {
      expect(() => open({ [option]: 0 })).toThrow(new RangeError(`natsChannelLog: "${option}" must be > 0, got 0`));
    },
  );

  it('refuses an option that it does not have', () => {
    expect(() => open({ maxAges: 1 } as object)).toThrow('natsChannelLog: unknown option "maxAges"; did you mean "maxAge"?');
  });

  it('refuses a connection that does not receive its own messages', async () => {
    const deaf = await nats.connect({ noEcho: true });
    expect(() => open({ connection: deaf })).toThrow(
      new TypeError('natsChannelLog: "connection" must receive its own messages: open it without "noEcho"'),
    );
  });

  it('refuses to broadcast messages for which NATS would close the connection', () => {
    expect(() => open().broadcast?.('a', note('x'.repeat(1_100_000)))).toThrow(FrameTooLargeError);
  });

  it('refuses a name that is none', () => {
    expect(() => open({ stream: 'a.b' })).toThrow(TypeError);
    expect(() => open().append('a b', note('x'))).toThrow(TypeError);
  });
});
