import { firstValueFrom } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry, ChannelLog, ChannelSlice } from '../../lib/app/hub/channelLog.js';
import { asObservable } from '../../lib/internal/maybeAsync.js';
import type { ChannelPosition } from '../../lib/message/channelTypes.js';
import { record } from './record.js';
import { note, payloads } from './rooms.js';

export const textsOf = (entries: readonly (ChannelEntry | ChannelBroadcast)[]): unknown[] =>
  payloads(entries.map(({ message }) => message));

/** A log, asked so that it does not matter when it answers. */
export function asked(log: ChannelLog) {
  return {
    async add(channel: string, ...texts: unknown[]): Promise<ChannelPosition> {
      const positions = await Promise.all(texts.map((text) => firstValueFrom(asObservable(() => log.append(channel, note(text))))));
      return positions.at(-1)!;
    },
    read: (channel: string, after?: ChannelPosition, limit = 100): Promise<ChannelSlice> =>
      firstValueFrom(asObservable(() => log.read(channel, { after, limit }))),
  };
}

/** What every log promises. */
export function channelLogContract(open: () => ChannelLog): void {
  it('gives offsets that rise, in the order in which it was asked', async () => {
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

  it('reads what came after a place, the latest of it', async () => {
    const { add, read } = asked(open());
    const after = await add('a', 1, 2);
    expect(await read('a', after)).toMatchObject({ entries: [], last: after.offset, isComplete: true });
    const { offset } = await add('a', 3, 4, 5);
    const whole = await read('a', after);
    expect([textsOf(whole.entries), whole.isComplete]).toEqual([[3, 4, 5], true]);
    const exact = await read('a', after, 3);
    expect([textsOf(exact.entries), exact.isComplete]).toEqual([[3, 4, 5], true]);
    const part = await read('a', after, 2);
    expect([textsOf(part.entries), part.isComplete]).toEqual([[4, 5], false]);
    expect(await read('a', after, 0)).toMatchObject({ entries: [], last: offset, isComplete: false });
    expect(textsOf((await read('a', undefined, 2)).entries)).toEqual([4, 5]);
  });

  it('goes on from where nothing was yet', async () => {
    const { add, read } = asked(open());
    const { epoch, last, entries, isComplete } = await read('a');
    expect([entries, isComplete]).toEqual([[], true]);
    expect(await read('a', { epoch, offset: last })).toMatchObject({ entries: [], isComplete: true });
    await add('a', 1);
    const slice = await read('a', { epoch, offset: last });
    expect([textsOf(slice.entries), slice.isComplete]).toEqual([[1], true]);
  });

  it('is not complete for a place of another epoch, or one that it has not come to', async () => {
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

  it('emits what is added from then on, and leaves nothing out between that and what is read', async () => {
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

  it('takes names for what they are', async () => {
    const { add, read } = asked(open());
    const names = ['__proto__', 'constructor', 'a.b', 'a/b', 'a:b', '.', '..a.', '-', 'a'.repeat(128)];
    for (const name of names) await add(name, name);
    for (const name of names) expect(textsOf((await read(name)).entries)).toEqual([name]);
    expect((await read('toString')).entries).toEqual([]);
  });
}
