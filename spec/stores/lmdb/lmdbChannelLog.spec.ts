import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstValueFrom, take, tap, toArray, VirtualTimeScheduler } from 'rxjs';
import { msgpack } from '../../../lib/codec/msgpack.js';
import { ChannelEndedError, EncodeError, InvalidMessageError, OverflowError, StoreError } from '../../../lib/message/errors.js';
import type { ChannelPosition } from '../../../lib/message/channelTypes.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { lmdbChannelLog, type LmdbChannelLog, type LmdbChannelLogOptions } from '../../../lib/stores/lmdb/lmdbChannelLog.js';
import { lmdbStore } from '../../../lib/stores/lmdb/lmdbStore.js';
import { asked, textsOf } from '../../support/asked.js';
import type { LogPlace, PlaceLimits } from '../../support/channelLogCases.js';
import { channelLogContract } from '../../support/channelLogContract.js';
import { ready } from '../../support/outboxCases.js';
import { record } from '../../support/record.js';
import { note } from '../../support/rooms.js';
import { virtualClock } from '../../support/virtualClock.js';
import { folder, statsOf, tamper } from './folder.js';
import { startChild } from './processes.js';

const ended = (payload: unknown = { status: 'completed' }) => createMessage('channel.ended', payload as never);
const text = 'x'.repeat(40);
/** The stored size of a message with this text. */
const SIZE = msgpack().encode([note(text)]).length;

describe('lmdbChannelLog', () => {
  const logs: LmdbChannelLog[] = [];
  const open = (options: Partial<LmdbChannelLogOptions> = {}): LmdbChannelLog => {
    const log = lmdbChannelLog({ path: folder(), ...options });
    logs.push(log);
    return log;
  };
  afterEach(() => logs.splice(0).forEach((log) => log.close()));

  /** A log on virtual time. */
  function timed(options: Partial<LmdbChannelLogOptions> = {}) {
    const scheduler = new VirtualTimeScheduler();
    const wait = (ms: number): void => {
      scheduler.schedule(() => undefined, ms);
      scheduler.flush();
    };
    const log = open({ scheduler, ...options });
    return { log, wait, ...asked(log) };
  }
  const offsets = ({ entries }: { readonly entries: readonly ChannelPosition[] }): number[] => entries.map(({ offset }) => offset);

  channelLogContract({ name: 'lmdbChannelLog', open: lmdbPlace, lacks: ['recognizes a repeat of each message that it has'] });

  function lmdbPlace({ maxIdle, ...limits }: PlaceLimits = {}): LogPlace {
    const [path, copy] = [folder(), folder()];
    const { scheduler, wait } = virtualClock();
    const end = (): void => logs.splice(0).forEach((log) => log.close());
    const put = (from?: string): void => {
      end();
      rmSync(path, { recursive: true });
      if (from !== undefined) cpSync(from, path, { recursive: true });
    };
    return {
      log: () => open({ path, scheduler, ...limits, ...(maxIdle !== undefined && { maxChannels: maxIdle }) }),
      wait,
      restart: end,
      lose: () => put(),
      backup: () => cpSync(path, copy, { recursive: true }),
      restore: () => put(copy),
    };
  }

  describe('opened again', () => {
    it('continues with its offsets, epochs, messages, and limits of channels', async () => {
      const path = folder();
      const first = open({ path });
      first.retain('a', { messages: 3 });
      const before = await asked(first).add('a', 1, 2);
      await asked(first).add('b', 'elsewhere');
      first.close();

      const { add, start, read } = asked(open({ path }));
      expect(textsOf((await start('a')).entries)).toEqual([1, 2]);
      expect(await read('a', before)).toMatchObject({ epoch: before.epoch, last: 2, entries: [], isComplete: true });
      const { epoch, offset } = await add('a', 3, 4);
      // A hole separates the offsets of two runs.
      expect([epoch, offset > 4]).toEqual([before.epoch, true]);
      expect(offsets(await start('a'))).toEqual([2, offset - 1, offset]);
      expect((await add('b', 'again')).offset).toBeGreaterThan(2);
    });

    it('remembers that a channel has ended, also when the message that has ended it is removed', async () => {
      const path = folder();
      const first = timed({ path, maxAge: 1_000 });
      await ready(first.log.append('a', ended({ status: 'failed', reason: 'no disk' })));
      first.wait(3_000);
      await first.add('b', 1);
      first.log.close();

      const log = open({ path });
      const { start } = asked(log);
      expect(statsOf(path, 'rxwire.channelEntries').entryCount).toBe(1);
      // The reader gets the end: it misses no message.
      expect(await start('a')).toMatchObject({ entries: [], last: 1, isComplete: true });
      expect((await start('a')).end).toMatchObject({ offset: 1, message: { payload: { reason: 'no disk' } } });
      await expect(ready(log.append('a', note(1)))).rejects.toEqual(new ChannelEndedError('a', { status: 'failed', reason: 'no disk' }));
      expect(await firstValueFrom(log.list('a').pipe(toArray()))).toMatchObject([{ name: 'a', hasEnded: true, last: { offset: 1 } }]);
    });

    it('keeps compacted entries', async () => {
      const path = folder();
      const first = open({ path });
      const { epoch } = await asked(first).add('a', 1, 2, 3);
      await ready(first.compact('a', { epoch, first: 1, offset: 2, message: note('1 and 2') }));
      first.close();
      expect(textsOf((await asked(open({ path })).start('a')).entries)).toEqual(['1 and 2', 3]);
    });

    it('expires messages older than maxAge, and none because the clock was wrong', async () => {
      const path = folder();
      const first = timed({ path, maxAge: 7_200_000 });
      await first.add('a', 1);
      first.log.close();
      const month = new VirtualTimeScheduler();
      month.schedule(() => undefined, 2_592_000_000);
      month.flush();
      // The pause counts for an hour.
      const { start } = asked(open({ path, scheduler: month, maxAge: 7_200_000 }));
      expect(textsOf((await start('a')).entries)).toEqual([1]);
      month.schedule(() => undefined, 3_600_000);
      month.flush();
      expect((await start('a')).entries).toEqual([]);
    });
  });

  it('loses no answered message when its process is killed, and none in between', async () => {
    const path = folder();
    let said: readonly (readonly string[])[] = [];
    for (let round = 1; round <= 4; round++) {
      const child = startChild('publish', path);
      await child.until(({ length }) => length > 100);
      await child.kill();
      said = [...said, ...child.said];
      const log = open({ path });
      for (const channel of ['odd', 'even']) {
        const stored: [offset: number, text: unknown][] = [];
        let after: ChannelPosition | 'start' = 'start';
        for (;;) {
          const { entries } = log.read(channel, { after, limit: 1_000 });
          if (entries.length === 0) break;
          stored.push(...entries.map(({ offset, message }) => [offset, message.payload] as [number, unknown]));
          after = entries.at(-1)!;
        }
        // Each process begins behind a hole, with the count 0 of one of its writers.
        const holes = stored.filter(([offset], index) => offset !== (stored[index - 1]?.[0] ?? 0) + 1);
        expect(holes).toHaveLength(round - 1);
        expect(holes.map(([, payload]) => (payload as readonly number[])[1])).toEqual(holes.map(() => 0));
        const byOffset = new Map(stored);
        for (const [, offset, writer, count] of said.filter(([name]) => name === channel))
          expect(byOffset.get(Number(offset))).toEqual([Number(writer), Number(count)]);
      }
      log.close();
    }
  }, 60_000);

  it('fails writes without room on the disk, and no later ones', async () => {
    const path = folder();
    const child = startChild('fillChannel', path, 1_000);
    await child.ended;
    expect(child.said).toEqual([
      ['full', expect.stringMatching(/^\d$/), 'failed'], // a limit of the process; on a full disk it is `quota`
      ['appended', ''],
    ]);
    const { entries, last } = await asked(open({ path })).start('a');
    expect([textsOf(entries), last]).toEqual([['small'], Number(child.said[0]![1]) + 1]);
  }, 20_000);

  it('stores messages that arrive during a flush with the next one, and emits them in order', async () => {
    const path = folder();
    const log = open({ path });
    const tail = record(log.tail('a'));
    await ready(log.append('a', note('first')));
    const { lastTxnId: before } = statsOf(path, 'rxwire.channels');
    const appends = Array.from({ length: 2_000 }, (_, index) => ready(log.append(index % 2 ? 'a' : 'b', note(index))));
    const positions = await Promise.all(appends);
    expect(statsOf(path, 'rxwire.channels').lastTxnId - before).toBeLessThan(10);
    expect(positions.map(({ offset }) => offset)).toEqual(positions.map((_, index) => Math.floor(index / 2) + 1 + (index % 2)));
    expect(textsOf(await tail.take(1_001))).toEqual(['first', ...[...positions.keys()].filter((index) => index % 2)]);
    expect(tail.values.map(({ offset }) => offset)).toEqual(Array.from({ length: 1_001 }, (_, index) => index + 1));
    tail.subscription.unsubscribe();
  });

  it('emits a message when it can be read, and not before it is stored', async () => {
    const log = open();
    const seen: number[] = [];
    record(log.tail('a').pipe(tap(({ offset = 0 }) => seen.push(offset, log.read('a', { limit: 1 }).last))));
    const stored = ready(log.append('a', note(1)));
    expect(seen).toEqual([]);
    await stored;
    expect(seen).toEqual([1, 1]);
  });

  it('emits messages that a subscriber adds to all subscribers, in order', async () => {
    const log = open();
    record(log.tail('a').pipe(tap(({ offset }) => (offset === 1 ? log.broadcast('a', note('answer')) : undefined))));
    const tail = record(log.tail('a'));
    await asked(log).add('a', 1, 2);
    expect(textsOf(await tail.take(3))).toEqual([1, 2, 'answer']);
  });

  it('shares tails and offsets among the logs of this process', async () => {
    const path = folder();
    const [one, other] = [open({ path }), open({ path })];
    const tail = record(one.tail('a'));
    await asked(other).add('a', 1);
    await asked(one).add('a', 2);
    expect((await tail.take(2)).map(({ offset }) => offset)).toEqual([1, 2]);
    one.close();
    await asked(other).add('a', 3);
    expect((await asked(other).start('a')).last).toBe(3);
  });

  it('shares a folder with a store', async () => {
    const path = folder();
    const store = lmdbStore({ path });
    const { add, start } = asked(open({ path }));
    const table = store.table<number>('numbers');
    await Promise.all([ready(store.transact((transaction) => transaction.put(table, 'a', 1))), add('a', 1)]);
    expect([table.get('a'), textsOf((await start('a')).entries)]).toEqual([1, [1]]);
    store.close();
  });

  describe('its limits', () => {
    it('does not return messages older than maxAge, and continues the offsets', async () => {
      const { add, read, start, back, wait } = timed({ maxAge: 1_000 });
      await add('a', ...Array.from({ length: 20 }).keys());
      wait(600);
      const after = await add('a', 'newer');
      wait(500);
      expect(await start('a')).toMatchObject({ last: 21, entries: [{ offset: 21 }], isComplete: false });
      expect(await back('a')).toMatchObject({ last: 21, entries: [{ offset: 21 }], isComplete: false });
      wait(500);
      expect(await read('a', after)).toMatchObject({ entries: [], last: 21, isComplete: true });
      expect(await add('a', 'next')).toEqual({ ...after, offset: 22 });
    });

    describe('keeps a channel that has ended as a whole', () => {
      const end = createMessage('channel.ended', { status: 'completed' });

      it.each([
        ['a maximum age', {}],
        ['none', { maxAge: Infinity }],
      ])('and removes it as a whole when all channels together are too large, also in several transactions, with %s', async (_, ages) => {
        const path = folder();
        const { log, add, start, wait } = timed({ path, maxTotalBytes: 1_300 * SIZE, ...ages });
        for (const texts of [600, 600]) await add('a', ...Array.from({ length: texts }, () => text));
        await ready(log.append('a', end));
        wait(1_000);
        await add('b', ...Array.from({ length: 110 }, () => text));
        expect([(await start('a')).entries.length, statsOf(path, 'rxwire.channelEntries').entryCount]).toEqual([0, 311]);
        await add('b', text);
        expect([await start('a'), statsOf(path, 'rxwire.channelEntries').entryCount]).toMatchObject([{ isComplete: false }, 111]);
      });
    });

    it('removes expired messages from the disk when any channel is written, a bounded number each time', async () => {
      const path = folder();
      const { log, add, wait } = timed({ path, maxAge: 1_000 });
      for (const name of ['a', 'b', 'c']) await add(name, ...Array.from({ length: 600 }).keys());
      log.retain('kept', { age: 1_000_000 });
      await add('kept', 1);
      wait(3_000);
      const counts: number[] = [];
      for (let round = 0; round < 3; round++) {
        await add('other', round);
        counts.push(statsOf(path, 'rxwire.channelEntries').entryCount);
      }
      // 1,801 at first, of which 1,000 may go at once.
      expect(counts).toEqual([802, 3, 4]);
      expect(textsOf((await asked(log).start('kept')).entries)).toEqual([1]);
    });

    it('counts the bytes of all channels, including removed ones, and of compacted entries', async () => {
      const path = folder();
      const { log, add, wait } = timed({ path, maxTotalBytes: 20_000, maxMessages: 20, maxAge: 50_000 });
      for (let round = 0; round < 100; round++) {
        const name = `room.${(round * 7) % 31}`;
        const { epoch, offset } = await add(name, ...Array.from({ length: 5 }, (_, index) => 'x'.repeat((round * 13 + index) % 300)));
        const first = offset - 3;
        await ready(log.compact(name, { epoch, first, offset, message: note('x'.repeat(round)) }));
        wait(round === 60 ? 60_000 : 500);
      }
      let [entries, compacted] = [0, 0];
      log.close();
      await tamper(path, 'rxwire.channelEntries', (database) => {
        for (const [, , , size] of database.getKeys() as Iterable<[string, number, number, number]>) entries += size;
      });
      await tamper(path, 'rxwire.compactedEntries', (database) => {
        for (const [, , , size] of database.getKeys() as Iterable<[string, number, number, number]>) compacted += size;
      });
      expect(compacted).toBeGreaterThan(0);
      expect(entries + compacted).toBeLessThanOrEqual(20_000);
      expect(entries + compacted).toBeGreaterThan(18_000);
    });

    it('forgets the channels without messages above maxChannels, but none that has subscribers: a forgotten one begins another epoch', async () => {
      const { log, add, read, wait } = timed({ maxChannels: 2, maxAge: 1_000 });
      const before = await add('a', 1);
      const heard = await add('heard', 1);
      const tail = record(log.tail('heard'));
      wait(3_000);
      await add('b', 1);
      await add('b', 2);
      expect(await read('a', before)).toMatchObject({ last: 0, entries: [], isComplete: false });
      expect((await add('a', 2)).epoch).not.toBe(before.epoch);
      expect(await read('heard', heard)).toMatchObject({ epoch: heard.epoch, last: 1, isComplete: true });
      tail.subscription.unsubscribe();
    });

    it('makes room by removing messages of the channel whose messages expire first', async () => {
      const { add, start, wait } = timed({ maxChannels: 2 });
      for (const name of ['a', 'b', 'c', 'd']) {
        wait(1_000);
        await add(name, 1);
      }
      expect((await start('a')).last).toBe(0);
      expect((await start('b')).last).toBe(0);
      expect(textsOf([...(await start('c')).entries, ...(await start('d')).entries])).toEqual([1, 1]);
    });

    it('fails with a StoreError when its folder cannot be opened', () => {
      const path = join(folder(), 'file');
      writeFileSync(path, '');
      for (const place of [path, join(path, 'inside')])
        expect(() => open({ path: place })).toThrow(
          expect.objectContaining({ code: 'ERR_STORE', store: 'lmdb', fault: 'failed' }) as Error,
        );
    });

    it('changes the limits of a channel, and stores them once', async () => {
      const path = folder();
      const log = open({ path });
      const { add, start } = asked(log);
      await add('a', 1, 2, 3, 4);
      log.retain('a', { messages: 2 });
      await add('a', 5);
      expect(offsets(await start('a'))).toEqual([4, 5]);
      const { lastTxnId } = statsOf(path, 'rxwire.channels');
      log.retain('a', { messages: 2 });
      await new Promise((resolve) => setImmediate(resolve));
      expect(statsOf(path, 'rxwire.channels').lastTxnId).toBe(lastTxnId);
      log.retain('a', {});
      await add('a', 6, 7);
      expect(offsets(await start('a'))).toEqual([4, 5, 6, 7]);
      expect(() => log.retain('a', { age: 0 })).toThrow(new RangeError('lmdbChannelLog: retain: "age" must be > 0, got 0'));
    });

    it('refuses more than may wait', async () => {
      const log = open({ maxPending: 2 });
      const stored = [ready(log.append('a', note(1))), ready(log.append('a', note(2)))];
      expect(() => log.append('b', note(3))).toThrow(OverflowError);
      await Promise.all(stored);
      await ready(log.append('b', note(3)));
    });

    it.each(['maxMessages', 'maxBytes', 'maxAge', 'maxTotalBytes', 'maxChannels', 'maxPending'])(
      'refuses a %s that is not positive when called',
      (option) => {
        expect(() => open({ [option]: 0 })).toThrow(new RangeError(`lmdbChannelLog: "${option}" must be > 0, got 0`));
      },
    );

    it('refuses an unknown option', () => {
      expect(() => open({ maxMessage: 3 } as object)).toThrow(
        new TypeError('lmdbChannelLog: unknown option "maxMessage"; did you mean "maxMessages"?'),
      );
    });
  });

  it('reads forwards in pages of 256 KiB, and at least one message', async () => {
    const { add, start, read } = asked(open());
    await add('a', 'x'.repeat(300_000), ...Array.from({ length: 5 }, () => 'x'.repeat(100_000)));
    const first = await start('a');
    const second = await read('a', first.entries.at(-1));
    const third = await read('a', second.entries.at(-1));
    expect([first, second, third].map(offsets)).toEqual([[1], [2, 3], [4, 5]]);
  });

  it('lists any number of channels, and no more than requested', async () => {
    const log = open();
    const names = Array.from({ length: 600 }, (_, index) => `run.${String(index).padStart(3, '0')}`);
    await Promise.all([...names, 'rum', 'rune'].map((name) => ready(log.append(name, note(1)))));
    log.retain('run.empty', { messages: 1 });
    const found = await firstValueFrom(log.list('run.').pipe(toArray()));
    expect(found.map(({ name }) => name)).toEqual(names);
    expect(await firstValueFrom(log.list('run.').pipe(take(2), toArray()))).toMatchObject([{ name: 'run.000' }, { name: 'run.001' }]);
    expect(await firstValueFrom(log.list('').pipe(toArray()))).toHaveLength(602);
  });

  it('refuses a message that cannot be stored, or that ends a channel in no known way, and no other', async () => {
    const log = open();
    expect(() =>
      log.append(
        'a',
        note(() => undefined),
      ),
    ).toThrow(EncodeError);
    expect(() => log.append('a', ended({ status: 'gone' }))).toThrow(InvalidMessageError);
    expect(() => log.append('a\0b', note(1))).toThrow(TypeError);
    expect(await asked(log).add('a', 1)).toMatchObject({ offset: 1 });
  });

  it('reports an unreadable entry, says that the readers in front of it miss it, and continues after it', async () => {
    const path = folder();
    const first = open({ path });
    await asked(first).add('a', 1, 2, 3);
    first.close();
    await tamper(path, 'rxwire.channelEntries', (database) => {
      for (const key of [...database.getKeys()] as [string, number][]) if (key[1] === 2) database.putSync(key, Buffer.from([0xc1]));
    });
    const log = open({ path });
    const faults = record(log.faults$);
    const all = await asked(log).start('a');
    expect([offsets(all), all.isComplete]).toEqual([[1, 3], false]);
    expect(faults.values).toEqual([new StoreError('lmdb', 'corrupt')]);
    const behind = await asked(log).read('a', { ...all.entries[0]!, offset: 2 });
    expect([offsets(behind), behind.isComplete]).toEqual([[3], true]);
  });

  it('begins another epoch when the state of a channel cannot be read', async () => {
    const path = folder();
    const first = open({ path });
    const before = await asked(first).add('a', 1, 2, 3);
    await asked(first).add('b', 1);
    first.close();
    await tamper(path, 'rxwire.channels', (database) => database.putSync('a', Buffer.from([0xc1, 0xff])));
    const log = open({ path });
    const faults = record(log.faults$);
    const { add, read, start } = asked(log);
    expect(await read('a', before)).toMatchObject({ last: 0, entries: [], isComplete: false });
    const after = await add('a', 'again');
    expect(after.epoch).not.toBe(before.epoch);
    expect(textsOf([...(await start('a')).entries, ...(await start('b')).entries])).toEqual(['again', 1]);
    expect(faults.values).toEqual([new StoreError('lmdb', 'corrupt')]);
    expect(statsOf(path, 'rxwire.channelEntries').entryCount).toBe(2);
  });

  it('stores what was appended before it is closed; then its methods and its tails fail', async () => {
    const path = folder();
    const log = open({ path });
    const tail = record(log.tail('a'));
    const stored = ready(log.append('a', note(1)));
    log.close();
    log.close();
    expect(await stored).toMatchObject({ offset: 1 });
    for (const failed of [await tail.ended, await record(log.tail('a')).ended, await record(log.list('')).ended])
      expect(failed).toMatchObject({ code: 'ERR_STORE', store: 'lmdb', fault: 'failed' });
    expect(() => log.append('a', note(2))).toThrow(StoreError);
    expect(() => log.read('a', { limit: 1 })).toThrow(StoreError);
    expect(textsOf((await asked(open({ path })).start('a')).entries)).toEqual([1]);
  });
});
