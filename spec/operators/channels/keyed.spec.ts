import { firstValueFrom, merge, mergeMap, Subject, throwError, toArray } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import type { ChannelPosition } from '../../../lib/message/channelTypes.js';
import type { ChannelLog, ChannelSlice } from '../../../lib/channels/channelLog.js';
import type { HubChannelSettings } from '../../../lib/server/hub/hub.js';
import { memoryChannelLog } from '../../../lib/server/hub/memoryChannelLog.js';
import { ChannelFailedError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { record } from '../../support/record.js';
import { note, rooms, slowLog, turn } from '../../support/rooms.js';

const file = (path: string, text: unknown = path): Message => createMessage('file', { path, text });
const removed = (path: string): Message => ({ ...file(path, null), metadata: { deleted: true } });
const key = ({ payload }: Message): string => (payload as { path: string }).path;
const text = ({ payload }: Message): unknown => (payload as { text: unknown }).text;
const texts = (messages: readonly Message[]): unknown[] => messages.map(text);

describe('a keyed channel', () => {
  let town: ReturnType<typeof rooms>;
  const open = (settings: Partial<HubChannelSettings> = {}, ...options: Parameters<typeof rooms>): void => {
    town = rooms(...options);
    town.hall.channel('files', { key, ...settings });
  };
  afterEach(() => town.close());

  const put = async (...messages: readonly Message[]): Promise<void> => {
    for (const message of messages) await town.hall.channel('files').send(message);
  };

  it('gives a new member the newest message of each key, in order, then the changes', async () => {
    open();
    await put(file('a', 1), file('b', 2), file('a', 3), file('c', 4), removed('b'));
    const { messages, gaps, room } = await town.member('files');
    expect(texts(await messages.take(2))).toEqual([3, 4]);
    await put(file('a', 5), removed('c'), file('d', 6));
    expect(texts(await messages.take(5))).toEqual([3, 4, 5, null, 6]);
    expect([gaps.values, room.position?.startsWith('8.')]).toEqual([[], true]);
    const late = await town.member('files');
    expect(texts(await late.messages.take(2))).toEqual([5, 6]);
  });

  it('keeps a key longer than the log keeps messages', async () => {
    open({}, { log: memoryChannelLog({ maxMessages: 2 }) });
    await put(file('a', 1), ...Array.from({ length: 50 }, (_, count) => file('b', count)));
    const { messages, gaps } = await town.member('files');
    expect(texts(await messages.take(2))).toEqual([1, 49]);
    expect(gaps.values).toEqual([]);
  });

  it('sends a member with a position all changes since, including removed keys', async () => {
    open();
    await put(file('a', 1), file('b', 2));
    const first = await town.member('files');
    await first.messages.take(2);
    const from = first.room.position!;
    await put(file('c', 3), file('a', 4), file('c', 5), removed('b'), file('a', 6));
    const { messages, gaps } = await town.member('files', { from });
    expect(texts(await messages.take(3))).toEqual([5, null, 6]);
    await put(file('e', 7));
    expect(texts(await messages.take(4)).at(-1)).toBe(7);
    expect(gaps.values).toEqual([]);
  });

  it('gives the newest n keys, and older ones as history', async () => {
    open();
    await put(...Array.from({ length: 10 }, (_, count) => file(`f${count}`)), removed('f9'), file('f0', 'again'));
    const { messages, room } = await town.member('files', { from: { last: 2 } });
    expect(texts(await messages.take(2))).toEqual(['f8', 'again']);
    const newest = await firstValueFrom(room.history({ limit: 3 }).pipe(toArray()));
    expect(texts(newest.map(({ message }) => message))).toEqual(['f7', 'f8', 'again']);
    const older = await firstValueFrom(room.history({ limit: 2, before: newest[0]!.position }).pipe(toArray()));
    expect(texts(older.map(({ message }) => message))).toEqual(['f5', 'f6']);
  });

  it('sends thousands of keys in pages while they change, without reporting a gap', async () => {
    open();
    const paths = Array.from({ length: 3_000 }, (_, count) => `f${count}`);
    await put(...paths.map((path) => file(path)));
    const { messages, gaps, statuses } = await town.member('files');
    await put(removed('f1'), removed('f2500'), file('f2600', 'new'), file('more'));
    const state = new Map<string, unknown>();
    const apply = (message: Message): void => {
      if (message.metadata?.['deleted']) state.delete(key(message));
      else state.set(key(message), text(message));
    };
    while (!state.has('more')) {
      await messages.take(messages.values.length + 1);
      state.clear();
      messages.values.forEach(apply);
    }
    const whole = paths.filter((path) => path !== 'f1' && path !== 'f2500');
    expect([...state.keys()].sort()).toEqual([...whole, 'more'].sort());
    expect(state.get('f2600')).toBe('new');
    expect([gaps.values, statuses()]).toEqual([[], expect.not.arrayContaining(['recovering'])]);
  });

  it('gives a new member all keys, page by page, though the hub has forgotten which were removed before', async () => {
    open({ retain: { messages: 700 } });
    const paths = Array.from({ length: 700 }, (_, count) => `f${count}`);
    await put(...paths.map((path) => file(path)), ...Array.from({ length: 900 }, (_, count) => removed(`gone${count}`)));
    const { messages, gaps, statuses } = await town.member('files');
    await messages.take(700);
    await put(file('last'));
    expect(texts(await messages.take(701))).toEqual([...paths, 'last']);
    expect([gaps.values, statuses()]).toEqual([[], ['joining', 'joined']]);
  });

  it('gives a slow reader the newest of each key, and not each change', async () => {
    open({}, { log: memoryChannelLog({ maxMessages: 50 }) });
    const slow = await town.member('files');
    town.net.down();
    const carets = Array.from({ length: 5_000 }, (_, count) => file(`caret${count % 3}`, `${count} ${'x'.repeat(1_000)}`));
    await put(...carets, removed('caret0'), file('last', 'last'));
    town.net.up();
    while (texts(slow.messages.values).at(-1) !== 'last') await slow.messages.take(slow.messages.values.length + 1);
    const newest = new Map(slow.messages.values.map((message) => [key(message), text(message)]));
    const start = (path: string): number => parseInt(String(newest.get(path)));
    expect([newest.get('caret0'), start('caret1'), start('caret2')]).toEqual([null, 4_999, 4_997]);
    expect(slow.messages.values.length).toBeLessThan(1_000);
    expect([slow.gaps.values, slow.statuses()]).toEqual([[], ['joining', 'joined']]);
  });

  it('forgets a key by its time to live', async () => {
    let now = 0;
    const scheduler = { now: () => now, schedule: () => { throw new Error('no timer'); } } as never; // prettier-ignore
    open({ ttl: 1_000 }, { scheduler });
    await put(file('a', 1), file('b', 2));
    now = 600;
    await put(file('a', 3), file('c', 4));
    now = 1_000;
    const { messages } = await town.member('files');
    expect(texts(await messages.take(2))).toEqual([3, 4]);
    now = 1_600;
    const late = await town.member('files');
    await put(file('d', 5));
    expect(texts(await late.messages.take(1))).toEqual([5]);
    expect([messages.values.length, late.gaps.values]).toEqual([3, []]);
  });

  it('keeps at most the configured number of keys and bytes', async () => {
    open({ retain: { messages: 3 } });
    await put(...['a', 'b', 'c', 'a', 'd'].map((path) => file(path)));
    const { messages } = await town.member('files');
    expect(texts(await messages.take(3))).toEqual(['c', 'a', 'd']);
    town.hall.channel('large', { key, retain: { bytes: 5_000 } });
    for (let count = 0; count < 9; count++) await town.hall.channel('large').send(file(`${count}`, `${count} ${'x'.repeat(2_000)}`));
    const large = await town.member('large');
    expect(texts(await large.messages.take(2)).map((line) => parseInt(String(line)))).toEqual([7, 8]);
  });

  it('gives all keys again, behind a gap, to a member that has missed that one was removed', async () => {
    open({ retain: { messages: 4 } });
    await put(file('a', 1), file('b', 2), file('c', 3));
    const first = await town.member('files');
    await first.messages.take(3);
    const from = first.room.position!;
    await put(removed('b'), ...['x', 'y', 'z', 'u'].map((path) => removed(path)), file('d', 4));
    const { messages, gaps } = await town.member('files', { from });
    expect(texts(await messages.take(3))).toEqual([1, 3, 4]);
    expect(gaps.values).toMatchObject([{ reason: 'history' }]);
    await put(file('e', 5));
    expect(texts(await messages.take(4))).toEqual([1, 3, 4, 5]);
  });

  it('calls the application to decide which message removes a key', async () => {
    open({ isDeleted: (message) => text(message) === '' });
    await put(file('a', 1), file('b', 2), file('a', ''), file('c', 3));
    const { messages } = await town.member('files');
    expect(texts(await messages.take(2))).toEqual([2, 3]);
  });

  it('serves the server: all keys, then the changes; or only these', async () => {
    open();
    await put(...Array.from({ length: 600 }, (_, count) => file(`f${count}`)), removed('f3'));
    const all = record(town.hall.channel('files'));
    const live = record(town.hall.channel('files', { from: 'live' }));
    await put(file('f4', 'new'));
    expect([all.values.length, texts(all.values).at(-1), texts(live.values)]).toEqual([600, 'new', ['new']]);
  });

  it('tells the server itself of each removal behind its position, also on a later page', async () => {
    open();
    const from = await town.hall.channel('files').send(file('a'));
    await put(...Array.from({ length: 600 }, (_, count) => file(`f${count}`)), removed('a'));
    const changes = record(town.hall.channel('files', { from: from! }));
    expect([changes.values.length, texts(changes.values).at(-1)]).toEqual([601, null]);
  });

  it('delivers ephemeral messages, keyed or not, and ends', async () => {
    open({}, { authorize: () => true });
    await put(file('a', 1));
    const { messages, room } = await town.member('files');
    room.next(createMessage('note', 'typing', { delivery: 'at-most-once' }));
    expect((await messages.take(2))[1]?.payload).toBe('typing');
    await room.end();
    expect(await messages.ended).toBe('complete');
    const late = record(channel(town.client(), 'files'));
    expect([await late.ended, texts(late.values)]).toEqual(['complete', [1]]);
  });

  it.each<readonly [string, unknown]>([
    ['no payload', null],
    ['no path', {}],
    ['a path that is no text', { path: 7 }],
    ['an empty path', { path: '' }],
    ['a path that is too long', { path: 'x'.repeat(1_025) }],
  ])('refuses a message with %s, and continues', async (_, payload) => {
    open();
    const { room, messages } = await town.member('files');
    await expect(room.send({ ...note(null), payload })).rejects.toMatchObject({ code: 'ERR_CHANNEL_REFUSED', reason: 'invalid' });
    await expect(town.hall.channel('files').send({ ...note(null), payload })).rejects.toMatchObject({ code: 'ERR_INVALID_MESSAGE' });
    await put(file('__proto__', 1), file('constructor', 2));
    expect(texts(await messages.take(2))).toEqual([1, 2]);
    expect(town.errors.map(({ code }) => code)).toEqual(['ERR_INVALID_MESSAGE', 'ERR_INVALID_MESSAGE']);
  });

  it('takes no wrong settings', () => {
    open();
    const set = (settings: HubChannelSettings) => () => town.hall.channel('other', settings);
    expect(set({ key, ttl: 0 })).toThrow(RangeError);
    expect(set({ key, retain: { messages: -1 } })).toThrow(RangeError);
    expect(set({ key, compact: () => undefined })).toThrow(TypeError);
  });

  describe('with a log that is shared, or slow, or fails', () => {
    it('is filled from the log, including entries that another server appends', async () => {
      const log = memoryChannelLog();
      for (const message of [file('a', 1), file('b', 2), file('a', 3), note('no key')]) log.append('files', message);
      open({}, { log });
      const { messages } = await town.member('files');
      log.append('files', file('c', 4));
      expect(texts(await messages.take(3))).toEqual([2, 3, 4]);
      const late = await town.member('files');
      expect(texts(await late.messages.take(3))).toEqual([2, 3, 4]);
    });

    it('waits until the log is read', async () => {
      const base = memoryChannelLog();
      base.append('files', file('a', 1));
      const { log, release, isAsked } = slowLog(base);
      open({}, { log });
      const joining = town.member('files');
      await turn();
      base.append('files', file('b', 2));
      while (isAsked()) release();
      const { messages } = await joining;
      base.append('files', file('c', 3));
      expect(texts(await messages.take(3))).toEqual([1, 2, 3]);
    });

    it('repeats joins while the log fails, and recovers', async () => {
      const base = memoryChannelLog();
      base.append('files', file('a', 1));
      let isBroken = true;
      const log: ChannelLog = {
        ...base,
        read(name, query) {
          if (isBroken) throw new Error('disk');
          return base.read(name, query);
        },
      };
      open({}, { log });
      const joining = town.member('files');
      await turn();
      expect(town.errors).toContainEqual(expect.any(ChannelFailedError));
      isBroken = false;
      const { messages } = await joining;
      expect(texts(await messages.take(1))).toEqual([1]);
    });

    /** A log whose tail can fail, and that can be replaced. */
    const failingLog = (first: ChannelLog) => {
      let current = first;
      const failure$ = new Subject<never>();
      const log: ChannelLog = {
        append: (name, message) => current.append(name, message),
        read: (name, query) => current.read(name, query),
        tail: (name) => merge(current.tail(name), failure$.pipe(mergeMap(() => throwError(() => new Error('gone'))))),
      };
      return { log, replaceBy: (other: ChannelLog) => void (current = other), fail: () => failure$.next(undefined as never) };
    };

    it('lets the process exit while the log fails', () => {
      const log: ChannelLog = {
        ...memoryChannelLog(),
        read() {
          throw new Error('the log is closed');
        },
      };
      const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
      const before = timers();
      open({}, { log });
      expect([town.errors.length, timers()]).toEqual([1, before]);
    });

    it('begins anew with a log that has lost its history', async () => {
      const { log, replaceBy, fail } = failingLog(memoryChannelLog());
      open({}, { log });
      await put(file('a', 1), file('b', 2), file('c', 3));
      const { messages, gaps } = await town.member('files');
      await messages.take(3);
      const other = memoryChannelLog();
      replaceBy(other);
      fail();
      await put(file('a', 4), file('d', 5));
      expect(texts(await messages.take(5))).toEqual([1, 2, 3, 4, 5]);
      expect(gaps.values).toMatchObject([{ reason: 'epoch' }]);
      const late = await town.member('files');
      expect(texts(await late.messages.take(2))).toEqual([4, 5]);
    });

    it.each(['files', 'notes'])('tells the members of %s at once that a log has lost its history', async (name) => {
      const { log, replaceBy, fail } = failingLog(memoryChannelLog());
      open({}, { log });
      await town.hall.channel(name).send(file('a', 1));
      const { messages, gaps, states } = await town.member(name, { from: 'start' });
      await messages.take(1);
      replaceBy(memoryChannelLog());
      fail();
      expect(await gaps.take(1)).toMatchObject([{ reason: 'epoch' }]);
      await turn();
      expect(states.values.at(-1)?.status).toBe('joined');
    });

    it('gives its members all keys again when it has missed messages itself', async () => {
      const base = memoryChannelLog({ maxMessages: 2 });
      const { log, fail } = failingLog(base);
      open({}, { log });
      await put(file('a', 1), file('b', 2));
      const { messages, gaps } = await town.member('files');
      await messages.take(2);
      fail();
      await put(file('a', 3), file('c', 4), file('d', 5), file('e', 6));
      expect(texts(await messages.take(6))).toEqual([1, 2, 1, 2, 5, 6]);
      expect(gaps.values).toMatchObject([{ reason: 'history' }]);
    });

    it('lets a member wait that has read more at another server, and reports no gap', async () => {
      const base = memoryChannelLog();
      const { log, fail } = failingLog(base);
      open({}, { log });
      await put(file('a', 1), file('b', 2));
      fail();
      const from = base.append('files', file('a', 3)) as ChannelPosition;
      const { messages, gaps } = await town.member('files', { from });
      await put(file('c', 4));
      expect(texts(await messages.take(1))).toEqual([4]);
      expect(gaps.values).toEqual([]);
    });

    it('follows a log again that has begun another epoch, when a member finds that out', async () => {
      let current = memoryChannelLog();
      const log: ChannelLog = {
        ...current,
        append: (...args) => current.append(...args),
        read: (...args) => current.read(...args),
        isKnown: (name, { epoch, offset }) => {
          const { epoch: own, last } = current.read(name, { limit: 0 }) as ChannelSlice;
          return epoch === own && offset <= last;
        },
      };
      open({}, { log });
      await put(file('a', 1), file('b', 2));
      const first = await town.member('files');
      await first.messages.take(2);
      current = memoryChannelLog();
      current.append('files', file('c', 3));
      const { messages, gaps } = await town.member('files', { from: first.room.position! });
      expect(texts(await messages.take(1))).toEqual([3]);
      expect(gaps.values).toMatchObject([{ reason: 'epoch' }]);
    });
  });
});
