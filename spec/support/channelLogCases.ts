import { firstValueFrom, toArray } from 'rxjs';
import type { ChannelInfo, ChannelLog } from '../../lib/channels/channelLog.js';
import { ChannelEndedError } from '../../lib/message/errors.js';
import { asObservable } from '../../lib/message/maybeAsync.js';
import type { ChannelPosition } from '../../lib/message/channelTypes.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { asked, textsOf } from './asked.js';
import { eventually } from './eventually.js';
import { record } from './record.js';
import { note } from './rooms.js';

/** Somewhere channel logs store, empty at first: memory, a folder, a schema, a stream. */
export interface LogPlace {
  /** Opens a log of this place, as the hub of another server does. A log in memory is the place itself. */
  log(): ChannelLog;
  /** Lets time pass by the clock of the place. */
  wait(ms: number): void | Promise<void>;
  /** Ends the logs, as their processes end. */
  restart(): void | Promise<void>;
  /** Ends the logs, and removes all that is stored. */
  lose(): void | Promise<void>;
  backup(): void | Promise<void>;
  /** Ends the logs, and puts the backup in the place, as the documentation says. */
  restore(): void | Promise<void>;
}

/** The limits of a place; those of the log by default. */
export interface PlaceLimits {
  readonly maxMessages?: number;
  readonly maxBytes?: number;
  readonly maxAge?: number;
  readonly maxTotalBytes?: number;
  /** The number of channels that are kept while they are not in use. */
  readonly maxIdle?: number;
}

export type OpenPlace = (limits?: PlaceLimits) => LogPlace;
export type ChannelLogPromise = keyof typeof CHANNEL_LOG_CASES;

/** A message of this text has more than 1,000 bytes in each log, and less than 1,230. */
const LONG = 'x'.repeat(1_000);
const FAILED = { status: 'failed', reason: 'the disk is full' } as const;
const ended = (id = 'end') => createMessage('channel.ended', FAILED, { id });
const offsetsOf = ({ entries }: { readonly entries: readonly ChannelPosition[] }): number[] => entries.map(({ offset }) => offset);
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);
const listed = (log: ChannelLog, prefix: string): Promise<ChannelInfo[]> => firstValueFrom(log.list!(prefix).pipe(toArray()));

/** Returns a log of a new place. */
function logOf(open: OpenPlace, limits?: PlaceLimits): ChannelLog {
  return open(limits).log();
}

/** The cases of each promise. */
export const CHANNEL_LOG_CASES = {
  'reads from each position': {
    async 'returns increasing offsets, in the order of the calls'(open) {
      const { add, read } = asked(logOf(open));
      await add('a', 1, 2, 3);
      await add('b', 'elsewhere');
      const last = await add('a', 4);
      const slice = await read('a');
      const offsets = offsetsOf(slice);
      expect([textsOf(slice.entries), slice.last, slice.isComplete]).toEqual([[1, 2, 3, 4], last.offset, true]);
      expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
      expect(slice.entries.at(-1)).toMatchObject(last);
    },

    async 'reads the first messages after a position'(open) {
      const { add, read } = asked(logOf(open));
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
    },

    async 'reads from the start, page by page'(open) {
      const { add, start, read } = asked(logOf(open));
      expect(await start('a')).toMatchObject({ entries: [], isComplete: true });
      await add('a', 1, 2, 3, 4, 5);
      const first = await start('a', 2);
      const second = await read('a', first.entries.at(-1), 2);
      const third = await read('a', second.entries.at(-1), 2);
      expect([first, second, third].map(({ entries }) => textsOf(entries))).toEqual([[1, 2], [3, 4], [5]]);
      expect([first, second, third].map(({ isComplete }) => isComplete)).toEqual([true, true, true]);
    },

    async 'reads backwards from a place, and from the end'(open) {
      const { add, back } = asked(logOf(open));
      await add('a', 1, 2, 3, 4, 5);
      const latest = await back('a', undefined, 2);
      const before = await back('a', latest.entries[0], 2);
      const oldest = await back('a', before.entries[0], 2);
      expect([latest, before, oldest].map(({ entries }) => textsOf(entries))).toEqual([[4, 5], [2, 3], [1]]);
      expect((await back('a', oldest.entries[0], 2)).entries).toEqual([]);
      expect(await back('a', { epoch: 'other', offset: 3 }, 2)).toMatchObject({ entries: [], isComplete: false });
    },

    async 'returns the first messages of a part that is large, and the rest behind them'(open) {
      const log = logOf(open);
      const { addEach, back } = asked(log);
      const texts = Array.from({ length: 8 }, (_, index) => `${index} ${'x'.repeat(100_000)}`);
      await addEach('a', ...texts);
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
    },

    async 'continues from an empty channel'(open) {
      const { add, read, back } = asked(logOf(open));
      const { epoch, last, entries, isComplete } = await back('a');
      expect([entries, isComplete]).toEqual([[], true]);
      expect(await read('a', { epoch, offset: last })).toMatchObject({ entries: [], isComplete: true });
      await add('a', 1);
      const slice = await read('a', { epoch, offset: last });
      expect([textsOf(slice.entries), slice.isComplete]).toEqual([[1], true]);
    },

    async 'is not complete for a position of another epoch, and for a future position'(open) {
      const { add, read } = asked(logOf(open));
      const { epoch, offset } = await add('a', 1, 2);
      for (const after of [
        { epoch: 'other', offset },
        { epoch, offset: offset + 1 },
      ]) {
        const { entries, isComplete } = await read('a', after);
        expect([textsOf(entries), isComplete]).toEqual([[1, 2], false]);
      }
    },

    async 'treats special names as plain text'(open) {
      const { add, read } = asked(logOf(open));
      const names = ['__proto__', 'constructor', 'a.b', 'a/b', 'a:b', '.', '..a.', '-', 'a'.repeat(128)];
      for (const name of names) await add(name, name);
      for (const name of names) expect(textsOf((await read(name)).entries)).toEqual([name]);
      expect((await read('toString')).entries).toEqual([]);
    },
  },

  'begins another epoch when its data is lost': {
    async 'misses messages behind each lost position'(open) {
      const place = open();
      const lost = await asked(place.log()).addEach('a', 1, 2, 3);
      await place.lose();
      const { add, read } = asked(place.log());
      const isComplete = async (position: ChannelPosition) => (await read('a', position)).isComplete;
      expect(await Promise.all(lost.map(isComplete))).toEqual([false, false, false]);
      const next = await add('a', 'new');
      expect(next.epoch).not.toBe(lost[0]!.epoch);
      expect(await Promise.all(lost.map(isComplete))).toEqual([false, false, false]);
      expect(textsOf((await read('a', lost[0])).entries)).toEqual(['new']);
    },
  },

  'outlives its process': {
    async 'continues its epochs, offsets, messages and ends after a restart'(open) {
      const place = open();
      const before = await asked(place.log()).add('a', 1, 2);
      await asked(place.log()).append('over', ended());
      await place.restart();
      const { add, append, read, start } = asked(place.log());
      expect(await read('a', before)).toMatchObject({ epoch: before.epoch, last: before.offset, entries: [], isComplete: true });
      const next = await add('a', 3);
      expect([next.epoch, next.offset > before.offset]).toEqual([before.epoch, true]);
      expect(textsOf((await start('a')).entries)).toEqual([1, 2, 3]);
      const behind = await read('a', before);
      expect([textsOf(behind.entries), behind.isComplete]).toEqual([[3], true]);
      await expect(append('over', note('late'))).rejects.toEqual(new ChannelEndedError('over', FAILED));
    },

    async 'stores once what is published again after a restart'(open) {
      const place = open();
      const message = note('once', 'id');
      const first = await asked(place.log()).append('a', message);
      await place.restart();
      const { append, start } = asked(place.log());
      expect([await append('a', message), textsOf((await start('a')).entries)]).toEqual([first, ['once']]);
    },
  },

  'has one order of many writers': {
    async 'for each reader and each tail, and keeps the order of each writer'(open) {
      const place = open();
      const logs = [place.log(), place.log(), place.log()];
      const tails = logs.map((log) => record(log.tail('a')));
      await Promise.all(logs.map((log) => asked(log).read('a', undefined, 0)));
      const write = (log: ChannelLog, writer: number) => asked(log).add('a', ...numbers(0, 40).map((index) => `${writer} ${index}`));
      await Promise.all(logs.map(write));
      const { entries } = await asked(place.log()).start('a', 1_000);
      const texts = textsOf(entries) as string[];
      for (const writer of logs.keys())
        expect(texts.filter((text) => text.startsWith(`${writer} `))).toEqual(numbers(0, 40).map((index) => `${writer} ${index}`));
      expect(texts).toHaveLength(120);
      for (const tail of tails) {
        await tail.take(120);
        expect([textsOf(tail.values), tail.values.map(({ offset }) => offset)]).toEqual([texts, offsetsOf({ entries })]);
        tail.subscription.unsubscribe();
      }
    },
  },

  'stores a repeat once': {
    async 'also of a message that another log has stored since, or stores at the same time'(open) {
      const place = open();
      const [one, two] = [asked(place.log()), asked(place.log())];
      await one.add('a', 'before');
      await two.add('a', 'more');
      const message = note('once', 'id');
      const first = await one.append('a', message);
      expect(await Promise.all([two.append('a', message), one.append('a', message)])).toEqual([first, first]);
      const together = note('together', 'other');
      const positions = await Promise.all([one, two, one, two].map((log) => log.append('a', together)));
      expect(positions).toEqual(positions.map(() => positions[0]));
      expect(textsOf((await two.start('a')).entries)).toEqual(['before', 'more', 'once', 'together']);
    },

    async 'and not the message of another channel or publisher for one'(open) {
      const { append, start } = asked(logOf(open));
      const from = (source: string) => ({ ...note(source, 'id'), source });
      const sources = ['eve', 'ann', `guest ${'1'.repeat(16)}`, `guest ${'2'.repeat(16)}`];
      for (const source of sources) await append('a', from(source));
      await append('b', from('eve'));
      // The client is the same one, and another member.
      await append('a', from(`user ${'1'.repeat(16)}`));
      expect([textsOf((await start('a')).entries), textsOf((await start('b')).entries)]).toEqual([sources, ['eve']]);
    },

    async 'among the latest 64 of a channel'(open) {
      const { append, start } = asked(logOf(open));
      const add = (index: number): Promise<ChannelPosition> => append('a', note(index, `id-${index}`));
      const positions = [];
      for (const index of numbers(0, 64)) positions.push(await add(index));
      expect(await Promise.all(numbers(0, 64).map(add))).toEqual(positions);
      expect((await start('a')).entries).toHaveLength(64);
    },

    async 'and returns its position also when the channel has ended'(open) {
      const place = open();
      const [one, two] = [asked(place.log()), asked(place.log())];
      const first = await one.append('a', note('first', 'id'));
      const end = await two.append('a', ended());
      expect([await one.append('a', note('first', 'id')), await one.append('a', ended())]).toEqual([first, end]);
      await expect(one.append('a', ended('another'))).rejects.toBeInstanceOf(ChannelEndedError);
    },
  },

  'recognizes a repeat of each message that it has': {
    async 'also behind thousands of others, and after a while'(open) {
      const { log, wait } = open({ maxMessages: 10_000 });
      const { append, add } = asked(log());
      const first = await append('a', note('first', 'id'));
      for (const round of numbers(0, 5)) await add('a', ...numbers(round * 1_000, round * 1_000 + 1_000));
      await wait(4_200);
      await add('a', 'later');
      for (const one of [log(), log()]) expect(await asked(one).append('a', note('first', 'id'))).toEqual(first);
    },
  },

  'limits the messages of a channel': {
    async 'keeps the latest ones, and knows that there were others'(open) {
      const { addEach, add, read, back, start } = asked(logOf(open, { maxMessages: 2 }));
      const [after, , third] = await addEach('a', 1, 2, 3, 4);
      const slice = await read('a', after);
      expect([textsOf(slice.entries), slice.isComplete]).toEqual([[3, 4], false]);
      await add('a', 5);
      expect(textsOf((await read('a', after)).entries)).toEqual([4, 5]);
      expect(textsOf((await back('a')).entries)).toEqual([4, 5]);
      expect([(await start('a')).isComplete, (await read('a', third)).isComplete]).toEqual([false, true]);
    },

    async 'for each channel alone'(open) {
      const { addEach, read } = asked(logOf(open, { maxMessages: 2 }));
      const [after] = await addEach('quiet', 1);
      await addEach('loud', ...numbers(0, 10));
      expect(await read('quiet', after)).toMatchObject({ entries: [], isComplete: true });
    },
  },

  'limits the bytes of a channel': {
    async 'keeps the latest messages, and knows that there were others'(open) {
      const { addEach, add, read } = asked(logOf(open, { maxBytes: 2_900 }));
      const [after, , third, last] = await addEach('a', LONG, LONG, LONG, LONG);
      const slice = await read('a', after);
      expect([offsetsOf(slice), slice.isComplete]).toEqual([[third!.offset, last!.offset], false]);
      const next = await add('a', LONG);
      expect(offsetsOf(await read('a', after))).toEqual([last!.offset, next.offset]);
    },

    async 'keeps nothing that is larger than a channel may be, and knows that it was there'(open) {
      const { add, read } = asked(logOf(open, { maxBytes: 300 }));
      const after = await add('a', 'small');
      const { offset } = await add('a', LONG);
      expect(await read('a', after)).toMatchObject({ entries: [], last: offset, isComplete: false });
    },
  },

  'limits the age of a message': {
    async 'removes the older ones, and no others'(open) {
      const { log, wait } = open({ maxAge: 3_000 });
      const { add, read, start } = asked(log());
      const first = await add('a', 'old');
      await wait(2_000);
      await add('a', 'newer');
      await wait(1_100);
      await untilRemoved(log(), 'a', 1);
      for (const slice of [await start('a'), await read('a', { ...first, offset: first.offset - 1 })])
        expect([textsOf(slice.entries), slice.isComplete]).toEqual([['newer'], false]);
    },
  },

  'misses no message when all are too old': {
    async 'behind the last position, and continues there'(open) {
      const { log, wait } = open({ maxAge: 1_000 });
      const { add, read, start } = asked(log());
      const after = await add('a', 1, 2);
      await wait(1_100);
      await untilRemoved(log(), 'a', 0);
      expect(await start('a')).toMatchObject({ entries: [], isComplete: false });
      expect(await read('a', after)).toMatchObject({ entries: [], isComplete: true });
      const next = await add('a', 'next');
      expect([next.epoch, next.offset > after.offset]).toEqual([after.epoch, true]);
      const slice = await read('a', after);
      expect([textsOf(slice.entries), slice.isComplete]).toEqual([['next'], true]);
    },
  },

  'has limits of its own for a channel': {
    async 'those of the latest `retain` of all logs, and those of the log again without them'(open) {
      const place = open();
      const [one, two] = [place.log(), place.log()];
      one.retain!('a', { messages: 2 });
      await asked(one).add('a', 1, 2, 3);
      await asked(one).add('b', 1, 2, 3);
      const whole = await asked(two).start('a');
      expect([textsOf(whole.entries), whole.isComplete]).toEqual([[2, 3], false]);
      expect(textsOf((await asked(two).start('b')).entries)).toEqual([1, 2, 3]);
      await asked(two).add('a', 4);
      expect(textsOf((await asked(one).start('a')).entries)).toEqual([3, 4]);
      one.retain!('a', {});
      await asked(one).add('a', 5);
      expect(textsOf((await asked(two).start('a')).entries)).toEqual([3, 4, 5]);
    },

    async 'removes the expired messages of the others'(open) {
      const { log, wait } = open({ maxAge: 1_000 });
      const one = log();
      one.retain!('kept', { age: 100_000 });
      await asked(one).add('kept', 1);
      await asked(one).add('short', 1);
      await wait(1_100);
      const counts = await Promise.all(['kept', 'short'].map(async (name) => (await asked(one).start(name)).entries.length));
      expect(counts).toEqual([1, 0]);
    },
  },

  'limits the bytes of all channels': {
    async 'removes the oldest messages of the channel that was idle for the longest time'(open) {
      const { log, wait } = open({ maxTotalBytes: 4_950 });
      const { addEach, start } = asked(log());
      const later = async (name: string, ...texts: unknown[]): Promise<void> => {
        await wait(1_000);
        await addEach(name, ...texts);
      };
      const counts = (...names: string[]) => Promise.all(names.map(async (name) => (await start(name)).entries.length));
      await later('a', LONG, LONG);
      await later('b', LONG);
      await later('c', LONG);
      await later('a', LONG);
      expect(await counts('a', 'b', 'c')).toEqual([3, 0, 1]);
      await later('d', LONG, LONG);
      expect(await counts('a', 'c', 'd')).toEqual([2, 0, 2]);
    },
  },

  'keeps a channel that has ended as a whole': {
    async 'until its end is too old, and then misses no message behind the last one'(open) {
      const { log, wait } = open({ maxAge: 1_000, maxMessages: 2 });
      const { add, append, start, read } = asked(log());
      const first = await add('a', 1);
      await wait(900);
      const last = await add('a', 2);
      const end = await append('a', ended());
      await wait(900);
      await add('other', 1);
      const whole = await start('a');
      expect([offsetsOf(whole), whole.isComplete]).toEqual([[first.offset, last.offset, end.offset], true]);
      await wait(200);
      await add('other', 2);
      expect(await start('a')).toMatchObject({ entries: [], last: end.offset, isComplete: false, end });
      expect([await read('a', first), await read('a', last)].map(({ isComplete }) => isComplete)).toEqual([false, true]);
    },
  },

  'knows an end whose messages are removed': {
    async 'after a long time'(open) {
      const { log, wait } = open({ maxAge: 1_000 });
      const { append, add, start } = asked(log());
      const end = await append('a', ended());
      await wait(1_100);
      await add('b', 1);
      await untilRemoved(log(), 'a', 0);
      // The reader gets the end: it misses no message.
      expect(await start('a')).toMatchObject({
        entries: [],
        last: end.offset,
        isComplete: true,
        end: { ...end, message: { payload: FAILED } },
      });
      await expect(append('a', note(1))).rejects.toEqual(new ChannelEndedError('a', FAILED));
    },
  },

  'stores nothing behind the end': {
    async 'returns the end to each reader, and refuses what follows in each log'(open) {
      const place = open();
      const [one, two] = [asked(place.log()), asked(place.log())];
      const { epoch, offset } = await one.add('a', 1, 2);
      await two.add('a', 3);
      expect((await one.start('a')).end).toBeUndefined();
      const end = ended();
      const position = await one.append('a', end);
      for (const { add } of [two, one]) await expect(add('a', 4)).rejects.toEqual(new ChannelEndedError('a', FAILED));
      const whole = await two.start('a');
      expect([whole.entries.length, whole.last]).toEqual([4, position.offset]);
      expect(whole.end).toMatchObject({ ...position, message: { id: end.id, payload: end.payload } });
      expect((await two.read('a', { epoch, offset }, 0)).end).toMatchObject({ offset: position.offset });
      await one.add('b', 'goes on');
    },

    async 'that was appended at once with it'(open) {
      const { append, start } = asked(logOf(open));
      const [end, late] = await Promise.allSettled([append('a', ended()), append('a', note('late'))]);
      expect(end).toMatchObject({ status: 'fulfilled' });
      expect(late).toEqual({ status: 'rejected', reason: new ChannelEndedError('a', FAILED) });
      expect((await start('a')).entries).toHaveLength(1);
    },

    async 'while several logs append'(open) {
      const place = open();
      const logs = [place.log(), place.log(), place.log(), place.log()];
      await Promise.all(logs.map((log) => asked(log).add('a', 'before')));
      const appends = logs.flatMap((log, writer) =>
        numbers(0, 40).map((index) => asked(log).append('a', writer === 0 && index === 20 ? ended() : note('racing'))),
      );
      const results = await Promise.allSettled(appends);
      const stored = results.flatMap((result) => (result.status === 'fulfilled' ? result.value.offset : []));
      const refused = results.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
      const { end, entries } = await asked(logs[1]!).start('a', 1_000);
      expect([Math.max(...stored), entries.length]).toEqual([end?.offset, 4 + stored.length]);
      expect(refused.length).toBeGreaterThanOrEqual(19);
      for (const error of refused) expect(error).toEqual(new ChannelEndedError('a', FAILED));
    },
  },

  'has no gap between a read and a tail': {
    async 'emits what is added from the subscription on'(open) {
      const log = logOf(open);
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
    },

    async 'while another log appends'(open) {
      const place = open();
      const [one, two] = [place.log(), place.log()];
      const adding = asked(two).addEach('a', ...numbers(0, 60));
      for (let round = 0; round < 5; round++) {
        const tail = record(one.tail('a'));
        const { entries, last } = await asked(one).start('a');
        await eventually(() => expect(textsOf(entries).length + behind(last).length).toBeGreaterThan(10 * round));
        expect(textsOf([...entries, ...behind(last)])).toEqual(numbers(0, entries.length + behind(last).length));
        tail.subscription.unsubscribe();

        function behind(offset: number) {
          return tail.values.filter((entry) => (entry.offset ?? 0) > offset);
        }
      }
      await adding;
    },

    async 'and emits only what can be read'(open) {
      const log = logOf(open);
      const { add, read } = asked(log);
      const tail = record(log.tail('a'));
      await read('a', undefined, 0);
      const added = add('a', 1);
      await tail.take(1);
      expect(textsOf((await read('a')).entries)).toEqual([1]);
      await added;
      tail.subscription.unsubscribe();
    },
  },

  'broadcasts in the order of a channel': {
    async 'to the tails of all logs, between the stored messages, and stores nothing'(open) {
      const place = open();
      const [one, two] = [place.log(), place.log()];
      const tails = [one, two].map((log) => record(log.tail('a.b')));
      const other = record(two.tail('a'));
      await Promise.all([one, two].map((log) => asked(log).read('a.b', undefined, 0)));
      const before = await asked(one).add('a.b', 'stored');
      await Promise.all(tails.map((tail) => tail.take(1)));
      for (const text of ['first', 'second', 'third']) one.broadcast!('a.b', note(text));
      await Promise.all(tails.map((tail) => tail.take(4)));
      await asked(one).add('a.b', 'more');
      for (const tail of tails) {
        expect(textsOf(await tail.take(5))).toEqual(['stored', 'first', 'second', 'third', 'more']);
        expect(tail.values[1]).toEqual({ message: expect.objectContaining({ payload: 'first' }) as unknown });
      }
      const slice = await asked(two).read('a.b', before);
      expect([textsOf(slice.entries), slice.isComplete, other.values]).toEqual([['more'], true, []]);
      [...tails, other].forEach(({ subscription }) => subscription.unsubscribe());
      // There is no tail any more.
      one.broadcast!('a.b', note('unheard'));
      expect(textsOf((await asked(one).start('a.b')).entries)).toEqual(['stored', 'more']);
    },
  },

  'compacts messages': {
    async 'returns the entry to a reader before its first message, and the messages to a reader within it'(open) {
      const log = logOf(open);
      const { add, compact, read, start, back } = asked(log);
      await add('a', 1, 2, 3, 4, 5, 6);
      const { entries } = await start('a');
      const [one, two, three, four] = entries;
      const joined = { epoch: four!.epoch, offset: four!.offset, first: two!.offset, message: note('2 to 4') };
      await compact('a', joined);
      expect(textsOf((await start('a')).entries)).toEqual([1, '2 to 4', 5, 6]);
      expect((await start('a')).entries[1]).toEqual(joined);
      expect(textsOf((await read('a', one, 1)).entries)).toEqual(['2 to 4']);
      expect(textsOf((await read('a', two)).entries)).toEqual([3, 4, 5, 6]);
      expect(textsOf((await read('a', three)).entries)).toEqual([4, 5, 6]);
      expect(textsOf((await read('a', joined)).entries)).toEqual([5, 6]);
      expect(textsOf((await back('a')).entries)).toEqual([1, 2, 3, 4, 5, 6]);
      const between = await firstValueFrom(asObservable(() => log.read('a', { after: one, before: four, limit: 9 })));
      expect(textsOf(between.entries)).toEqual([2, 3]);
    },

    async 'and removes the entry with the first message that it stands for'(open) {
      const { add, addEach, compact, start } = asked(logOf(open, { maxMessages: 4 }));
      const [, two, three, four] = await addEach('a', 1, 2, 3, 4);
      const { epoch } = two!;
      await compact('a', { epoch, first: two!.offset, offset: three!.offset, message: note('2 and 3') });
      await compact('a', { epoch, first: two!.offset, offset: four!.offset, message: note('2 to 4') });
      await add('a', 5);
      expect(textsOf((await start('a')).entries)).toEqual(['2 to 4', 5]);
      const { offset } = await add('a', 6);
      expect(textsOf((await start('a')).entries)).toEqual([3, 4, 5, 6]);
      // The first is removed already, and an epoch and an offset that do not exist.
      await compact('a', { epoch, first: two!.offset, offset: four!.offset, message: note('late') });
      await compact('a', { epoch: 'other', first: three!.offset, offset: four!.offset, message: note('other') });
      await compact('a', { epoch, first: three!.offset, offset: offset + 3, message: note('future') });
      expect(textsOf((await start('a')).entries)).toEqual([3, 4, 5, 6]);
    },
  },

  'reports positions that a restored backup lacks': {
    async 'and gives them out to no other message'(open) {
      const place = open();
      await asked(place.log()).addEach('a', ...numbers(0, 10));
      await place.backup();
      const lost = await asked(place.log()).addEach('a', ...numbers(10, 20));
      const [created] = await asked(place.log()).addEach('new', 1);
      await place.restore();
      const { addEach, read, isKnown } = asked(place.log());
      await addEach('a', ...numbers(20, 40));
      await addEach('new', 2, 3);
      const { epoch } = await read('a');
      for (const position of lost) {
        expect((await read('a', position)).isComplete).toBe(false);
        if (position.epoch === epoch) expect(await isKnown('a', position)).toBe(false);
      }
      expect((await read('new', created)).isComplete).toBe(false);
    },
  },

  'keeps the positions of a restored backup': {
    async 'with all messages behind each of them'(open) {
      const place = open();
      const kept = await asked(place.log()).addEach('a', ...numbers(0, 10));
      await place.backup();
      await asked(place.log()).addEach('a', ...numbers(10, 20));
      await place.restore();
      const { addEach, read, back, isKnown } = asked(place.log());
      await addEach('a', ...numbers(20, 30));
      for (const [index, position] of kept.entries()) {
        const slice = await read('a', position);
        expect([textsOf(slice.entries), slice.isComplete]).toEqual([[...numbers(index + 1, 10), ...numbers(20, 30)], true]);
        expect(textsOf((await back('a', position, 5)).entries)).toEqual(numbers(Math.max(0, index - 5), index));
        expect(await isKnown('a', position)).toBe(true);
      }
    },
  },

  'lists its channels': {
    async 'by the beginnings of their names'(open) {
      const log = logOf(open);
      const { add, append } = asked(log);
      const before = Date.now();
      const last = await add('run.2', 1, 2);
      await add('run.1', 1);
      await add('rum', 1);
      await add('rune', 1);
      await append('run.1', ended());
      const found = await listed(log, 'run.');
      expect(found.map(({ name, hasEnded }) => [name, hasEnded])).toEqual([
        ['run.1', true],
        ['run.2', false],
      ]);
      expect(found[1]?.last).toEqual({ epoch: last.epoch, offset: last.offset });
      for (const { at } of found) expect(Math.abs(at - before)).toBeLessThan(5_000);
      expect((await listed(log, '')).map(({ name }) => name)).toEqual(['rum', 'run.1', 'run.2', 'rune']);
    },
  },

  'forgets idle channels': {
    async 'and none that is in use, and reports what is missing'(open) {
      const { log, wait } = open({ maxIdle: 2, maxAge: 1_000 });
      const one = log();
      const { add, addEach, read } = asked(one);
      const [before, last] = await addEach('a', 1, 2);
      const tail = record(one.tail('heard'));
      const heard = await add('heard', 1);
      await wait(3_000);
      for (const name of ['b', 'c', 'd']) await add(name, 1);
      expect(await read('a', before)).toMatchObject({ entries: [], isComplete: false });
      const again = await add('a', 3);
      expect(again.epoch === last!.epoch && again.offset <= last!.offset).toBe(false);
      expect(await read('heard', heard)).toMatchObject({ epoch: heard.epoch, last: heard.offset, isComplete: true });
      const starts = await Promise.all(['b', 'c', 'd'].map(async (name) => (await asked(one).start(name)).entries.length));
      expect(starts.filter((count) => count > 0).length).toBeLessThanOrEqual(2);
      tail.subscription.unsubscribe();
    },
  },
} satisfies Readonly<Record<string, Readonly<Record<string, (open: OpenPlace) => Promise<void>>>>>;

/** Waits until a channel has no more than this number of messages: a place on real time removes them a little later. */
async function untilRemoved(log: ChannelLog, channel: string, count: number): Promise<void> {
  const end = performance.now() + 4_000;
  while ((await asked(log).start(channel)).entries.length > count && performance.now() < end);
}
