import { firstValueFrom, toArray, VirtualTimeScheduler } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import type { PastMessage } from '../../../lib/operators/channels/channelOptions.js';
import { memoryChannelLog } from '../../../lib/server/hub/memoryChannelLog.js';
import { CallbackError, ChannelEndedError, ChannelRefusedError, ChannelTimeoutError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { record } from '../../support/record.js';
import type { Message } from '../../../lib/message/types.js';
import { note, payloads, rooms, turn } from '../../support/rooms.js';

const numbers = (count: number, from = 1): readonly number[] => Array.from({ length: count }, (_, index) => from + index);

/** A storage that is a Map. */
function storage() {
  const texts = new Map<string, string>();
  return { texts, getItem: (key: string) => texts.get(key) ?? null, setItem: (key: string, value: string) => void texts.set(key, value) };
}

describe('a channel as a stream', () => {
  let town: ReturnType<typeof rooms>;
  const open = (...options: Parameters<typeof rooms>): void => void (town = rooms(...options));
  afterEach(() => town.close());

  const say = async (...texts: readonly unknown[]): Promise<void> => {
    for (const text of texts) await town.hall.channel('run.1').send(note(text));
  };

  describe('is read from a place', () => {
    it('from the start, whole and in order, then live', async () => {
      open({ log: memoryChannelLog({ maxMessages: 5_000 }) });
      await say(...numbers(3_000));
      const { messages, gaps, room } = await town.member('run.1', { from: 'start' });
      await messages.take(3_000);
      await say(3_001);
      expect(payloads(await messages.take(3_001))).toEqual(numbers(3_001));
      expect([gaps.values, room.position?.startsWith('3001.')]).toEqual([[], true]);
    });

    it('reads from the start what remains, and reports the gap before it', async () => {
      open({ log: memoryChannelLog({ maxMessages: 3 }) });
      await say(...numbers(5));
      const { messages, gaps } = await town.member('run.1', { from: 'start' });
      expect(payloads(await messages.take(3))).toEqual([3, 4, 5]);
      expect(gaps.values).toMatchObject([{ reason: 'history', after: { offset: 0 }, next: { offset: 3 } }]);
    });

    it('reads the latest messages, of which fewer remain, without an error at the end', async () => {
      open({ log: memoryChannelLog({ maxMessages: 3 }) });
      await say(...numbers(5));
      const { messages, gaps } = await town.member('run.1', { from: { last: 50 } });
      const served = record(town.hall.channel('run.1', { from: { last: 50 } }));
      expect(payloads(await messages.take(3))).toEqual([3, 4, 5]);
      await served.take(3);
      await town.hall.channel('run.1').end();
      expect([await messages.ended, await served.ended, gaps.values]).toEqual(['complete', 'complete', []]);
    });

    it('from a position, as text or as the result of send', async () => {
      open();
      await say(1);
      const sent = await town.hall.channel('run.1').send(note(2));
      await say(3, 4);
      const [one, two] = [await town.member('run.1', { from: sent! }), await town.member('run.1', { from: { last: 1 } })];
      expect(payloads(await one.messages.take(2))).toEqual([3, 4]);
      await two.messages.take(1);
      await say(5);
      await Promise.all([one.messages.take(3), two.messages.take(2)]);
      const three = await town.member('run.1', { from: two.room.position! });
      await say(6);
      expect(payloads(await three.messages.take(1))).toEqual([6]);
    });

    it('live, when a text is no position', async () => {
      open();
      await say(1);
      const { messages } = await town.member('run.1', { from: 'yesterday' });
      await say(2);
      expect(payloads(await messages.take(1))).toEqual([2]);
    });
  });

  describe('remembers its position', () => {
    it('stores the position, from which another page continues', async () => {
      open();
      const remember = storage();
      await say(1, 2);
      const page = await town.member('run.1', { from: 'start', remember });
      await page.messages.take(2);
      page.wire.unsubscribe();
      await say(3);
      const reloaded = await town.member('run.1', { from: 'start', remember });
      expect(payloads(await reloaded.messages.take(1))).toEqual([3]);
      expect([...remember.texts.keys()]).toEqual(['rxwire:run.1']);
      expect(remember.texts.get('rxwire:run.1')).toBe(reloaded.room.position);
    });

    it('continues without a storage that throws, and reports its error', async () => {
      open();
      const full = new Error('full');
      const wire = town.client();
      const errors = record(wire.errors$);
      const remember = {
        getItem: () => null,
        setItem: () => {
          throw full;
        },
      };
      const { messages } = await town.member('run.1', { remember }, wire);
      await say(1);
      await messages.take(1);
      await turn();
      expect(errors.values).toEqual([new CallbackError('remember', full)]);
    });
  });

  describe('ends', () => {
    it('ends for members and for later ones, after all messages', async () => {
      open();
      const early = await town.member('run.1');
      await say(1, 2);
      await town.hall.channel('run.1').end();
      expect(await early.messages.ended).toBe('complete');
      expect(early.states.values.at(-1)).toMatchObject({ status: 'ended', end: { status: 'completed' } });
      const late = record(channel(town.client(), 'run.1', { from: 'start' }));
      const live = record(channel(town.client(), 'run.1'));
      expect([await late.ended, await live.ended]).toEqual(['complete', 'complete']);
      expect([early.messages.values, late.values, live.values].map(payloads)).toEqual([[1, 2], [1, 2], []]);
      const again = record(channel(town.clients[0]!, 'run.1', { from: early.room.position! }));
      expect(await again.ended).toBe('complete');
    });

    it('with the reason of its writer, a client', async () => {
      open({ authorize: () => true });
      const { messages } = await town.member('run.1');
      const writer = channel(town.client(), 'run.1');
      await writer.send(note(1));
      await writer.end('out of memory');
      expect(await messages.ended).toEqual(new ChannelEndedError('run.1', { status: 'failed', reason: 'out of memory' }));
      expect(payloads(messages.values)).toEqual([1]);
      await expect(writer.send(note(2))).rejects.toEqual(expect.objectContaining({ code: 'ERR_CHANNEL_REFUSED', reason: 'ended' }));
      await expect(writer.end()).rejects.toBeInstanceOf(ChannelRefusedError);
      await expect(town.hall.channel('run.1').send(note(3))).rejects.toBeInstanceOf(ChannelEndedError);
    });

    it('for the server, too', async () => {
      open();
      const here = record(town.hall.channel('run.1'));
      await say(1);
      await town.hall.channel('run.1').end();
      expect([payloads(here.values), await here.ended]).toEqual([[1], 'complete']);
      expect(await record(town.hall.channel('run.1')).ended).toBe('complete');
      const all = record(town.hall.channel('run.1', { from: 'start' }));
      expect([await all.ended, payloads(all.values)]).toEqual(['complete', [1]]);
    });

    it('fails for a reader from the start when its start is gone, and ends for one that has read it', async () => {
      open({ log: memoryChannelLog({ maxMessages: 2 }) });
      const early = await town.member('run.1', { from: 'start' });
      await say(1, 2);
      await early.messages.take(2);
      await say(3);
      await town.hall.channel('run.1').end();
      expect(await early.messages.ended).toBe('complete');
      const incomplete = new ChannelEndedError('run.1', { status: 'incomplete', reason: 'the server no longer has all messages' });
      const room = channel(town.client(), 'run.1', { from: 'start' });
      const [late, states] = [record(room), record(room.state$)];
      expect([await late.ended, payloads(late.values)]).toEqual([incomplete, [2, 3]]);
      expect(states.values.at(-1)).toMatchObject({ status: 'ended', end: { status: 'completed' }, gap: { reason: 'history' } });
      const server = record(town.hall.channel('run.1', { from: 'start' }));
      expect([await server.ended, payloads(server.values)]).toEqual([incomplete, [2, 3]]);
      for (const from of ['live', { last: 5 }, early.room.position!] as const)
        expect(await record(channel(town.client(), 'run.1', { from })).ended).toBe('complete');
      expect(await record(town.hall.channel('run.1', { from: { last: 5 } })).ended).toBe('complete');
    });

    it('fails for a reader from the start when all of it is gone, and for one that has missed a part', async () => {
      const scheduler = new VirtualTimeScheduler();
      const wait = (ms: number): void => {
        scheduler.schedule(() => undefined, ms);
        scheduler.flush();
      };
      open({ log: memoryChannelLog({ scheduler, maxAge: 300_000 }) });
      const early = await town.member('run.1', { from: 'start' });
      await say(1);
      await early.messages.take(1);
      const position = early.room.position!;
      early.messages.subscription.unsubscribe();
      await say(2, 3);
      const behind = (await town.hall.channel('run.1').send(note(4)))!;
      await town.hall.channel('run.1').end();
      wait(299_999);
      const whole = record(channel(town.client(), 'run.1', { from: 'start' }));
      expect([await whole.ended, payloads(whole.values)]).toEqual(['complete', [1, 2, 3, 4]]);
      wait(1);
      for (const from of ['start', position] as const) {
        const reader = record(channel(town.client(), 'run.1', { from }));
        expect([await reader.ended, reader.values]).toMatchObject([{ code: 'ERR_CHANNEL_ENDED', status: 'incomplete' }, []]);
      }
      // This reader has received all messages.
      expect(await record(channel(town.client(), 'run.1', { from: behind })).ended).toBe('complete');
    });

    it('and a client cannot feign a message of the protocol', async () => {
      open();
      const writer = channel(town.client(), 'run.1');
      const feigned = createMessage('channel.joined', {} as never);
      await expect(writer.send(feigned)).rejects.toMatchObject({ code: 'ERR_CHANNEL_REFUSED', reason: 'invalid' });
      const endless = createMessage('channel.ended', { status: 'soon' } as never);
      await expect(writer.send(endless)).rejects.toMatchObject({ reason: 'invalid' });
      const { messages } = await town.member('run.1');
      await say(1);
      expect(payloads(await messages.take(1))).toEqual([1]);
    });
  });

  describe('is read back', () => {
    const texts = (past: readonly PastMessage[]): unknown[] => past.map(({ message }) => message.payload);

    it('page by page, also by a client that is no member', async () => {
      open();
      await say(...numbers(25));
      const run = channel(town.client(), 'run.1');
      const pages = [await firstValueFrom(run.history({ limit: 10 }).pipe(toArray()))];
      for (let page = 0; page < 3; page++)
        pages.push(await firstValueFrom(run.history({ limit: 10, before: pages.at(-1)![0]!.position }).pipe(toArray())));
      expect(pages.map(texts)).toEqual([numbers(10, 16), numbers(10, 6), numbers(5), []].slice(0, 3).concat([[]]));
    });

    it('in several answers when the messages are large, and without the end', async () => {
      open({ log: memoryChannelLog({ maxBytes: 10_000_000 }) });
      const large = 'x'.repeat(100_000);
      await say(...numbers(12).map((count) => `${count} ${large}`));
      await town.hall.channel('run.1').end();
      const past = await firstValueFrom(channel(town.client(), 'run.1').history().pipe(toArray()));
      expect(texts(past).map((text) => parseInt(String(text)))).toEqual(numbers(12));
      expect(town.served.at(-1)!.state.metrics.messagesSent).toBeGreaterThan(3);
    });

    it('is not read by a client that may not join, and fails without an answer', async () => {
      open({ authorize: ({ action }) => action === 'publish' });
      const run = channel(town.client(), 'run.1', { answerTimeout: 30 });
      expect(await record(run.history()).ended).toEqual(new ChannelRefusedError('run.1', 'join', 'forbidden'));
      town.net.down();
      expect(await record(run.history()).ended).toEqual(new ChannelTimeoutError('run.1', 30));
    });
  });

  describe('is compacted while it grows', () => {
    const join = (messages: readonly Message[]): Message => note(messages.map(({ payload }) => payload).join(''));
    const letters = numbers(5_000).map((count) => String.fromCharCode(97 + (count % 26)));

    it('so that a late reader gets the same in few messages, and the others each message', async () => {
      open({ log: memoryChannelLog({ maxMessages: 10_000, maxBytes: 10_000_000 }) });
      const run = town.hall.channel('run.1', { compact: join });
      const early = await town.member('run.1');
      for (const letter of letters) await run.send(note(letter));
      await early.messages.take(letters.length);
      const inside = await town.member('run.1', { from: `3000.${early.room.position!.split('.').slice(1).join('.')}` });
      await run.end();
      const late = record(channel(town.client(), 'run.1', { from: 'start' }));
      expect(await late.ended).toBe('complete');
      expect(await inside.messages.ended).toBe('complete');
      const text = (messages: readonly Message[]): string => payloads(messages).join('');
      expect([text(early.messages.values), text(late.values)]).toEqual([letters.join(''), letters.join('')]);
      expect(text(inside.messages.values)).toBe(letters.slice(3_000).join(''));
      expect([early.messages.values.length, late.values.length < 20]).toEqual([5_000, true]);
    });

    it('not, when the function throws: that is reported', async () => {
      open();
      const boom = new Error('boom');
      const run = town.hall.channel('run.1', {
        compact: () => {
          throw boom;
        },
      });
      await run.send(note('a'));
      await run.send(note('b'));
      await run.end();
      expect(town.errors).toMatchObject([{ code: 'ERR_CHANNEL_FAILED', cause: new CallbackError('compact', boom) }]);
      const late = record(channel(town.client(), 'run.1', { from: 'start' }));
      await late.ended;
      expect(payloads(late.values)).toEqual(['a', 'b']);
    });
  });

  it('has a message once that a client publishes again, after a server without its session', async () => {
    const log = memoryChannelLog();
    open({ log });
    const wire = town.client();
    const run = channel(wire, 'run.1');
    await run.send(note('a', 'a1'));
    const first = await run.send(note('b', 'b1'));
    town.restart({ log });
    expect(await run.send(note('b', 'b1'))).toEqual(first);
    await channel(town.client(), 'run.1').send(note('c', 'c1'));
    const { messages } = await town.member('run.1', { from: 'start' });
    expect(payloads(await messages.take(3))).toEqual(['a', 'b', 'c']);
  });

  it('is kept as long as the hub says', async () => {
    open();
    const run = town.hall.channel('run.1', { retain: { messages: 2 } });
    for (const count of numbers(5)) await run.send(note(count));
    const { messages } = await town.member('run.1', { from: 'start' });
    expect(payloads(await messages.take(2))).toEqual([4, 5]);
  });

  it('is ended as interrupted by a server that finds it without a writer', async () => {
    const log = memoryChannelLog();
    open({ log });
    await say('half');
    await town.hall.channel('run.2').send(note('whole'));
    await town.hall.channel('run.2').end();
    await town.hall.channel('room.1').send(note('no run'));
    town.restart({ log });
    expect(await town.hall.interrupt('run.', 'the server was restarted')).toEqual(['run.1']);
    const reader = record(channel(town.client(), 'run.1', { from: 'start' }));
    expect(await reader.ended).toEqual(new ChannelEndedError('run.1', { status: 'interrupted', reason: 'the server was restarted' }));
    expect(payloads(reader.values)).toEqual(['half']);
    const found = await firstValueFrom(town.hall.list('').pipe(toArray()));
    expect(found.map(({ name, hasEnded }) => [name, hasEnded])).toEqual([
      ['room.1', false],
      ['run.1', true],
      ['run.2', true],
    ]);
  });

  it('keeps little for a reader that is slow, and loses nothing', async () => {
    open({ log: memoryChannelLog({ maxMessages: 50_000, maxBytes: 100_000_000 }) });
    const slow = await town.member('run.1');
    town.net.down();
    const [server] = town.served;
    const line = 'y'.repeat(10_000);
    await say(...numbers(2_000).map((count) => `${count} ${line}`));
    expect(server!.queued * line.length).toBeLessThan(1_000_000);
    town.net.up();
    const all = await slow.messages.take(2_000);
    expect(payloads(all).map((text) => parseInt(String(text)))).toEqual(numbers(2_000));
    expect(slow.gaps.values).toEqual([]);
  });
});
