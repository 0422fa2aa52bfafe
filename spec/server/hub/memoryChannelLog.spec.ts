import { VirtualTimeScheduler } from 'rxjs';
import type { ChannelEntry, ChannelLog, ChannelSlice } from '../../../lib/channels/channelLog.js';
import { memoryChannelLog, type MemoryChannelLogOptions } from '../../../lib/server/hub/memoryChannelLog.js';
import { ChannelEndedError } from '../../../lib/message/errors.js';
import { estimateSize } from '../../../lib/message/estimateSize.js';
import type { ChannelPosition } from '../../../lib/message/channelTypes.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { LogPlace, PlaceLimits } from '../../support/channelLogCases.js';
import { channelLogContract } from '../../support/channelLogContract.js';
import { record } from '../../support/record.js';
import { note, payloads } from '../../support/rooms.js';
import { virtualClock } from '../../support/virtualClock.js';

const messages = (entries: readonly ChannelEntry[]): unknown[] => payloads(entries.map(({ message }) => message));

function memoryPlace(limits: PlaceLimits = {}): LogPlace {
  const { scheduler, wait } = virtualClock();
  const open = (): ChannelLog => memoryChannelLog({ scheduler, ...limits });
  let log = open();
  const renew = (): void => void (log = open());
  return { log: () => log, wait, restart: renew, lose: renew, backup: () => undefined, restore: renew };
}

describe('memoryChannelLog', () => {
  function open(options: MemoryChannelLogOptions = {}) {
    const scheduler = new VirtualTimeScheduler();
    const log = memoryChannelLog({ scheduler, ...options });
    return {
      log,
      wait: (ms: number): void => {
        scheduler.schedule(() => undefined, ms);
        scheduler.flush();
      },
      add: (channel: string, ...texts: unknown[]): ChannelPosition | undefined =>
        texts.map((text) => log.append(channel, note(text)) as ChannelPosition).at(-1),
      read: (channel: string, after?: ChannelPosition, limit = 100) => log.read(channel, { after, limit }) as ChannelSlice,
    };
  }

  channelLogContract({
    name: 'memoryChannelLog',
    open: memoryPlace,
    lacks: ['outlives its process', 'keeps the positions of a restored backup'],
  });

  it('gives offsets from 1 on, for each channel', () => {
    const { add, read } = open();
    expect([add('a', 'x')?.offset, add('a', 'y')?.offset, add('b', 'z')?.offset]).toEqual([1, 2, 1]);
    const { entries, last, isComplete } = read('a');
    expect([messages(entries), entries.map(({ offset }) => offset), last, isComplete]).toEqual([['x', 'y'], [1, 2], 2, true]);
  });

  it('never exceeds its byte limit', () => {
    const { add, read } = open({ maxTotalBytes: 10_000, maxMessages: 20 });
    for (let count = 0; count < 2_000; count++) add(`room.${(count * 7) % 31}`, 'x'.repeat((count * 13) % 300));
    const kept = Array.from({ length: 31 }, (_, index) => read(`room.${index}`).entries).flat();
    const bytes = kept.reduce((sum, { message }) => sum + estimateSize(message), 0);
    expect(bytes).toBeLessThanOrEqual(10_000);
    expect(bytes).toBeGreaterThan(9_000);
  });

  it('removes the messages of idle channels past maxIdle, and knows that they were there', () => {
    const { add, read, log } = open({ maxIdle: 2 });
    const before = add('a', 1);
    const last = add('a', 2);
    add('b', 1);
    expect(read('a', before).isComplete).toBe(true);
    add('c', 1);
    const whole = (): ChannelSlice => log.read('a', { after: 'start', limit: 100 }) as ChannelSlice;
    for (const slice of [read('a', before), whole()]) expect(slice).toMatchObject({ entries: [], last: 2, isComplete: false });
    expect(read('a', last).isComplete).toBe(true);
    expect(add('a', 3)).toMatchObject({ epoch: before?.epoch, offset: 3 });
    expect(whole()).toMatchObject({ entries: [{ offset: 3 }], isComplete: false });
    expect(read('a', last)).toMatchObject({ entries: [{ offset: 3 }], isComplete: true });
  });

  it('knows the end and the limits of a channel whose messages it has removed', () => {
    const { add, read, log } = open({ maxIdle: 1 });
    log.append('ended', createMessage('channel.ended', { status: 'completed' }));
    add('b', 1);
    expect(read('ended').end?.message.type).toBe('channel.ended');
    expect(() => add('ended', 1)).toThrow(ChannelEndedError);
    log.retain?.('short', { messages: 2 });
    add('b', 1);
    add('short', 1, 2, 3);
    expect(messages(read('short').entries)).toEqual([2, 3]);
  });

  it.each<readonly [string, (log: ChannelLog, name: string) => unknown]>([
    ['reads', (log, name) => log.read(name, { after: 'start', limit: 1 })],
    ['subscriptions', (log, name) => log.tail(name).subscribe().unsubscribe()],
  ])('keeps its channels, however many %s of unknown channels there are', (_, use) => {
    const { add, read, log } = open();
    const before = add('private', 1, 2);
    for (let count = 0; count < 10_100; count++) use(log, `unknown.${count}`);
    expect([messages(read('private').entries), read('private', before).isComplete]).toEqual([[1, 2], true]);
    expect(record(log.list!('unknown')).values).toEqual([]);
  });

  it('reports that messages may be missing in any unknown channel, when it has forgotten too many', () => {
    const { add, log } = open({ maxIdle: 1 });
    const fromStart = (name: string): ChannelSlice => log.read(name, { after: 'start', limit: 1 }) as ChannelSlice;
    const first = add('room.0', 1);
    for (let count = 1; count < 99_999; count++) add(`room.${count}`, 1);
    expect([fromStart('room.0').isComplete, fromStart('unknown').isComplete]).toEqual([false, true]);
    for (let count = 99_999; count <= 100_001; count++) add(`room.${count}`, 1);
    expect([fromStart('room.0').isComplete, fromStart('unknown').isComplete]).toEqual([false, false]);
    const { epoch } = add('room.0', 2) ?? {};
    expect(epoch).not.toBe(first?.epoch);
    expect(fromStart('room.0')).toMatchObject({ epoch, entries: [{ message: { payload: 2 } }], isComplete: false });
  });

  describe('keeps a channel that has ended as a whole', () => {
    const end = createMessage('channel.ended', { status: 'completed' });
    const whole = (log: ChannelLog, name: string): ChannelSlice => log.read(name, { after: 'start', limit: 100 }) as ChannelSlice;

    it('when its end is one message more than the channel may have', () => {
      const { add, log } = open({ maxMessages: 2 });
      add('a', 1, 2);
      log.append('a', end);
      expect([whole(log, 'a').entries.length, whole(log, 'a').isComplete]).toEqual([3, true]);
    });

    it('and removes it as a whole when all channels together are too large', () => {
      const size = estimateSize(note('12345'));
      const { add, log } = open({ maxTotalBytes: 3.5 * size + estimateSize(end) });
      add('a', '12345', '12345');
      log.append('a', end);
      add('b', '12345');
      expect(whole(log, 'a').entries.length).toBe(3);
      add('b', '12345');
      expect([whole(log, 'a').entries.length, whole(log, 'b').entries.length]).toEqual([0, 2]);
    });

    it('also if a compacted entry would need the room of its messages', () => {
      const size = estimateSize(note('12345'));
      const { add, log } = open({ maxBytes: 3 * size });
      const { epoch } = add('a', '12345', '12345') as ChannelPosition;
      log.append('a', end);
      log.compact?.('a', { epoch, first: 1, offset: 2, message: note('1234512345') });
      expect(whole(log, 'a').entries.map(({ offset }) => offset)).toEqual([1, 2, 3]);
    });
  });

  it('keeps a channel for longer than the others, if it is told so, and forgets those behind it', () => {
    const size = estimateSize(note('12345'));
    const { add, read, log, wait } = open({ maxAge: 1_000, maxTotalBytes: 3.5 * size });
    log.retain?.('kept', { age: 100_000 });
    add('kept', '12345');
    add('short', '12345', '12345');
    wait(1_000);
    // The old messages of `short` have gone: they take no room from the others.
    add('new', '12345', '12345');
    expect(['kept', 'short', 'new'].map((name) => read(name).entries.length)).toEqual([1, 0, 2]);
    log.retain?.('kept', {});
    add('new', '12345');
    expect(['kept', 'new'].map((name) => read(name).entries.length)).toEqual([0, 3]);
  });

  it('finds a repeat among the messages that it keeps, and the latest 64 of a channel with fewer', () => {
    const { log } = open({ maxMessages: 100 });
    log.retain?.('short', { messages: 2 });
    for (const name of ['room', 'short', 'other']) for (let id = 1; id <= 150; id++) log.append(name, note(id, `id-${id}`));
    const again = (name: string, id: number): unknown => (log.append(name, note('again', `id-${id}`)) as ChannelPosition).offset;
    expect([again('room', 51), again('short', 87), again('other', 50), again('short', 86)]).toEqual([51, 87, 151, 151]);
    expect(messages((log.read('short', { limit: 9 }) as ChannelSlice).entries)).toEqual([150, 'again']);
  });

  it('emits added entries in order, including those added during an emission', () => {
    const { log, add } = open();
    add('a', 'before');
    const heard: unknown[] = [];
    log.tail('a').subscribe(({ message }) => {
      if (message.payload === 1) add('a', 'answer');
    });
    log.tail('a').subscribe(({ message, offset }) => heard.push([message.payload, offset]));
    add('a', 1);
    add('b', 'elsewhere');
    add('a', 2);
    expect(heard).toEqual([
      [1, 2],
      ['answer', 3],
      [2, 4],
    ]);
  });

  it.each(['maxMessages', 'maxBytes', 'maxAge', 'maxTotalBytes', 'maxIdle'])('refuses a %s that is not positive when called', (option) => {
    expect(() => memoryChannelLog({ [option]: 0 })).toThrow(new RangeError(`memoryChannelLog: "${option}" must be > 0, got 0`));
  });

  it('refuses an option that it does not have', () => {
    expect(() => memoryChannelLog({ maxAges: 1 } as object)).toThrow(
      new TypeError('memoryChannelLog: unknown option "maxAges"; did you mean "maxAge"?'),
    );
  });
});

describe('weigh', () => {
  it.each([
    ['text', 'hello', 7],
    ['a number', 42, 8],
    ['bytes', new Uint8Array(1_000), 1_005],
    ['an object', { name: 'Ann', list: [1, 2] }, 2 + 7 + 5 + 7 + 2 + 2 * 9],
    ['nothing', null, 8],
  ])('estimates the size of %s', (_, value, bytes) => {
    expect(estimateSize(value)).toBe(bytes);
  });

  it('stops counting at the limit', () => {
    let reads = 0;
    const list = Array.from({ length: 1_000 }, () => ({
      get text() {
        reads++;
        return 'x'.repeat(100);
      },
    }));
    expect(estimateSize(list, 500)).toBeGreaterThan(500);
    expect(reads).toBeLessThan(10);
  });
});
