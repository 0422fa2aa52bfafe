import { firstValueFrom, toArray } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry, ChannelLog, ChannelSlice } from '../../lib/server/hub/channelLog.js';
import { ChannelEndedError } from '../../lib/message/errors.js';
import { asObservable } from '../../lib/message/maybeAsync.js';
import type { ChannelPosition } from '../../lib/message/channelTypes.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { record } from './record.js';
import { note, payloads } from './rooms.js';

export const textsOf = (entries: readonly (ChannelEntry | ChannelBroadcast)[]): unknown[] =>
  payloads(entries.map(({ message }) => message));

/** A log, asked so that it does not matter when it answers. */
export function asked(log: ChannelLog) {
  return {
    /** Reads backwards. */
    back: (channel: string, before?: ChannelPosition, limit = 100): Promise<ChannelSlice> =>
      firstValueFrom(asObservable(() => log.read(channel, { before, limit }))),
    async add(channel: string, ...texts: unknown[]): Promise<ChannelPosition> {
      const positions = await Promise.all(texts.map((text) => firstValueFrom(asObservable(() => log.append(channel, note(text))))));
      return positions.at(-1)!;
    },
    /** Reads from the oldest message. */
    start: (channel: string, limit = 100): Promise<ChannelSlice> =>
      firstValueFrom(asObservable(() => log.read(channel, { after: 'start', limit }))),
    /** Reads forwards from a place; without one, the latest. */
    read: (channel: string, after?: ChannelPosition, limit = 100): Promise<ChannelSlice> =>
      firstValueFrom(asObservable(() => log.read(channel, { after, limit }))),
  };
}

/** What every log promises. */
export function channelLogContract(open: () => ChannelLog): void {
  it('returns increasing offsets, in the order of the calls', async () => {
    const { add, read } = asked(open());
    await add('a', 1, 2, 3);
    await add('b', 'elsewhere');
    const last = await add('a', 4);
    const slice = await read('a');
    const offsets = slice.entries.map(({ offset }) => offset);
    expect([textsOf(slice.entries), slice.last, slice.isComplete]).toEqual([[1, 2, 3, 4], last.offset, true]);
    expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
    expect(slice.entries.at(-1)).toMatchObject(last);
  });

  it('reads the first messages after a position', async () => {
    const { add, read } = asked(open());
    const after = await add('a', 1, 2);
    expect(await read('a', after)).toMatchObject({ entries: [], last: after.offset, isComplete: true });
    const { offset } = await add('a', 3, 4, 5);
    const whole = await read('a', after);
    expect([textsOf(whole.entries), whole.isComplete]).toEqual([[3, 4, 5], true]);
    const exact = await read('a', after, 3);
    expect([textsOf(exact.entries), exact.isComplete]).toEqual([[3, 4, 5], true]);
    const part = await read('a', after, 2);
    expect([textsOf(part.entries), part.last, part.isComplete]).toEqual([[3, 4], offset, true]);
    expect(await read('a', after, 0)).toMatchObject({ entries: [], last: offset });
    expect(textsOf((await read('a', part.entries.at(-1), 2)).entries)).toEqual([5]);
    expect(textsOf((await read('a', undefined, 2)).entries)).toEqual([4, 5]);
  });

  it('reads from the start, page by page', async () => {
    const { add, start, read } = asked(open());
    expect(await start('a')).toMatchObject({ entries: [], isComplete: true });
    await add('a', 1, 2, 3, 4, 5);
    const first = await start('a', 2);
    const second = await read('a', first.entries.at(-1), 2);
    const third = await read('a', second.entries.at(-1), 2);
    expect([first, second, third].map(({ entries }) => textsOf(entries))).toEqual([[1, 2], [3, 4], [5]]);
    expect([first, second, third].map(({ isComplete }) => isComplete)).toEqual([true, true, true]);
  });

  it('reads backwards from a place, and from the end', async () => {
    const { add, back } = asked(open());
    await add('a', 1, 2, 3, 4, 5);
    const latest = await back('a', undefined, 2);
    const before = await back('a', latest.entries[0], 2);
    const oldest = await back('a', before.entries[0], 2);
    expect([latest, before, oldest].map(({ entries }) => textsOf(entries))).toEqual([[4, 5], [2, 3], [1]]);
    expect((await back('a', oldest.entries[0], 2)).entries).toEqual([]);
    expect(await back('a', { epoch: 'other', offset: 3 }, 2)).toMatchObject({ entries: [], isComplete: false });
  });

  it('returns the first messages of a part that is large, and the rest behind them', async () => {
    const log = open();
    const { add, back } = asked(log);
    const texts = Array.from({ length: 8 }, (_, index) => `${index} ${'x'.repeat(100_000)}`);
    for (const text of texts) await add('a', text);
    const first = await back('a', undefined, 6);
    const found = first.entries.filter(({ offset }) => offset < first.last);
    const before = { epoch: first.epoch, offset: first.last };
    expect(found.length).toBeGreaterThan(0);
    while (found.length < 5) {
      const query = { after: found.at(-1), before, limit: 5 - found.length };
      const { entries } = await firstValueFrom(asObservable(() => log.read('a', query)));
      expect(entries.length).toBeGreaterThan(0);
      found.push(...entries);
    }
    expect(textsOf(found)).toEqual(texts.slice(2, 7));
  });

  it('continues from an empty channel', async () => {
    const { add, read, back } = asked(open());
    const { epoch, last, entries, isComplete } = await back('a');
    expect([entries, isComplete]).toEqual([[], true]);
    expect(await read('a', { epoch, offset: last })).toMatchObject({ entries: [], isComplete: true });
    await add('a', 1);
    const slice = await read('a', { epoch, offset: last });
    expect([textsOf(slice.entries), slice.isComplete]).toEqual([[1], true]);
  });

  it('is not complete for a position of another epoch, and for a future position', async () => {
    const { add, read } = asked(open());
    const { epoch, offset } = await add('a', 1, 2);
    for (const after of [
      { epoch: 'other', offset },
      { epoch, offset: offset + 1 },
    ]) {
      const { entries, isComplete } = await read('a', after);
      expect([textsOf(entries), isComplete]).toEqual([[1, 2], false]);
    }
  });

  it('emits entries added from then on, without a gap after the entries read', async () => {
    const log = open();
    const { add, read } = asked(log);
    await add('a', 'before');
    const adding = Array.from({ length: 20 }, (_, index) => add('a', index));
    const tail = record(log.tail('a'));
    const other = record(log.tail('b'));
    const slice = await read('a');
    await Promise.all(adding);
    const end = await add('a', 'end');
    while (tail.values.at(-1)?.offset !== end.offset) await tail.take(tail.values.length + 1);
    const later = tail.values.filter(({ offset = 0 }) => offset > slice.last);
    expect(textsOf([...slice.entries, ...later])).toEqual(['before', ...adding.keys(), 'end']);
    expect(tail.values.at(-1)).toMatchObject(end);
    expect(other.values).toEqual([]);
    [tail, other].forEach(({ subscription }) => subscription.unsubscribe());
  });

  it('emits a broadcast to the tails of its channel, and stores none of it', async () => {
    const log = open();
    const { add, read } = asked(log);
    const tail = record(log.tail('a.b'));
    const other = record(log.tail('a'));
    const before = await read('a.b');
    log.broadcast?.('a.b', note('ephemeral'));
    expect(await tail.take(1)).toEqual([{ message: expect.objectContaining({ payload: 'ephemeral' }) as unknown }]);
    const { offset } = await add('a.b', 'stored');
    expect((await tail.take(2))[1]).toMatchObject({ offset, message: { payload: 'stored' } });
    const slice = await read('a.b', { epoch: before.epoch, offset: before.last });
    expect([textsOf(slice.entries), slice.isComplete, other.values]).toEqual([['stored'], true, []]);
    [tail, other].forEach(({ subscription }) => subscription.unsubscribe());
    // There is no tail any more.
    log.broadcast?.('a.b', note('unheard'));
    expect(textsOf((await read('a.b')).entries)).toEqual(['stored']);
  });

  it('ends with the message that says so, and takes nothing after it', async () => {
    const log = open();
    const { add, read, start } = asked(log);
    const { epoch, offset } = await add('a', 1, 2);
    expect((await start('a')).end).toBeUndefined();
    const end = createMessage('channel.ended', { status: 'failed', reason: 'the disk is full' });
    const position = await firstValueFrom(asObservable(() => log.append('a', end)));
    await expect(add('a', 3)).rejects.toEqual(new ChannelEndedError('a', { status: 'failed', reason: 'the disk is full' }));
    const { entries, last, end: ended } = await start('a');
    expect([entries.length, last]).toEqual([3, position.offset]);
    expect(ended).toMatchObject({ ...position, message: { id: end.id, payload: end.payload } });
    expect((await read('a', { epoch, offset }, 0)).end).toMatchObject({ offset: position.offset });
    await add('b', 'goes on');
  });

  it('returns a compacted entry to a reader before its first message, and the messages to a reader within it', async () => {
    const log = open();
    if (!log.compact) return;
    const { add, read, start, back } = asked(log);
    await add('a', 1, 2, 3, 4, 5, 6);
    const { entries } = await start('a');
    const [one, two, three, four] = entries;
    const joined = { epoch: four!.epoch, offset: four!.offset, first: two!.offset, message: note('2 to 4') };
    await firstValueFrom(asObservable(() => log.compact!('a', joined)));
    expect(textsOf((await start('a')).entries)).toEqual([1, '2 to 4', 5, 6]);
    expect((await start('a')).entries[1]).toEqual(joined);
    expect(textsOf((await read('a', one, 1)).entries)).toEqual(['2 to 4']);
    expect(textsOf((await read('a', two)).entries)).toEqual([3, 4, 5, 6]);
    expect(textsOf((await read('a', three)).entries)).toEqual([4, 5, 6]);
    expect(textsOf((await read('a', joined)).entries)).toEqual([5, 6]);
    expect(textsOf((await back('a')).entries)).toEqual([1, 2, 3, 4, 5, 6]);
    const between = await firstValueFrom(asObservable(() => log.read('a', { after: one, before: four, limit: 9 })));
    expect(textsOf(between.entries)).toEqual([2, 3]);
  });

  it('lists the channels that it keeps, by the beginnings of their names', async () => {
    const log = open();
    if (!log.list) return;
    const { add } = asked(log);
    const before = Date.now();
    const last = await add('run.2', 1, 2);
    await add('run.1', 1);
    await add('other', 1);
    await firstValueFrom(asObservable(() => log.append('run.1', createMessage('channel.ended', { status: 'completed' }))));
    const found = await firstValueFrom(log.list('run.').pipe(toArray()));
    expect(found.map(({ name, hasEnded }) => [name, hasEnded])).toEqual([
      ['run.1', true],
      ['run.2', false],
    ]);
    expect(found[1]?.last).toEqual({ epoch: last.epoch, offset: last.offset });
    for (const { at } of found) expect(Math.abs(at - before)).toBeLessThan(5_000);
  });

  it('keeps a channel up to its limits', async () => {
    const log = open();
    if (!log.retain) return;
    const { add, start } = asked(log);
    log.retain('a', { messages: 2 });
    await add('a', 1, 2, 3, 4);
    await add('b', 1, 2, 3, 4);
    const { entries, isComplete } = await start('a');
    expect([textsOf(entries), isComplete]).toEqual([[3, 4], false]);
    expect(textsOf((await start('b')).entries)).toEqual([1, 2, 3, 4]);
  });

  it('treats special names as plain text', async () => {
    const { add, read } = asked(open());
    const names = ['__proto__', 'constructor', 'a.b', 'a/b', 'a:b', '.', '..a.', '-', 'a'.repeat(128)];
    for (const name of names) await add(name, name);
    for (const name of names) expect(textsOf((await read(name)).entries)).toEqual([name]);
    expect((await read('toString')).entries).toEqual([]);
  });
}
