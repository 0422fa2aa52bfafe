import { channel } from '../../lib/operators/channels/channel.js';
import { memoryChannelLog } from '../../lib/server/hub/memoryChannelLog.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { record } from '../support/record.js';
import { note, payloads, rooms, turn } from '../support/rooms.js';

/** An at-most-once message, such as a typing indicator. */
const typing = (text: unknown): Message => createMessage('note', text, { delivery: 'at-most-once' });

describe('an at-most-once message on a channel', () => {
  let town: ReturnType<typeof rooms>;
  const open = (...options: Parameters<typeof rooms>) => (town = rooms(...options));
  afterEach(() => town.close());

  it('reaches the present members, and is neither kept in the history nor replayed to late joiners', async () => {
    const log = memoryChannelLog();
    open({ log });
    const [ann, ben] = [await town.member('room.1'), await town.member('room.1')];
    const onServer = record(town.hall.channel('room.1'));
    ann.room.next(note('hello'));
    await ben.messages.take(1);
    ann.room.next(typing('Ann is typing'));
    expect(payloads(await ben.messages.take(2))).toEqual(['hello', 'Ann is typing']);
    expect(payloads(await ann.messages.take(2))).toEqual(['hello', 'Ann is typing']);
    expect(payloads(onServer.values)).toEqual(['hello', 'Ann is typing']);
    expect(ben.messages.values[1]?.source).toBe(ann.states.values.at(-1)?.member);

    const late = await town.member('room.1', { from: { last: 100 } });
    ann.room.next(note('bye'));
    expect(payloads(await late.messages.take(2))).toEqual(['hello', 'bye']);
    expect(log.read('room.1', { limit: 100 })).toMatchObject({ last: 2 });
    onServer.subscription.unsubscribe();
  });

  it('is not kept when the server publishes it', async () => {
    open();
    const ben = await town.member('room.1');
    const room = town.hall.channel('room.1');
    room.next(typing('the server is typing'));
    room.next(note('hello'));
    expect(new Set(payloads(await ben.messages.take(2)))).toEqual(new Set(['the server is typing', 'hello']));
    expect(ben.messages.values.every(({ source }) => source === 'hub')).toBe(true);
    const late = await town.member('room.1', { from: { last: 100 } });
    room.next(note('bye'));
    expect(payloads(await late.messages.take(2))).toEqual(['hello', 'bye']);
  });

  it('is not kept when at-most-once is the level of the wire', async () => {
    open();
    const ben = await town.member('room.1');
    const wire = town.client({ delivery: 'at-most-once' });
    channel(wire, 'room.1').next(note('from a wire without acks'));
    channel(wire, 'room.1').next(createMessage('note', 'said', { delivery: 'at-least-once' }));
    await ben.messages.take(2);
    const late = await town.member('room.1', { from: { last: 100 } });
    town.hall.channel('room.1').next(note('bye'));
    expect(payloads(await late.messages.take(2))).toEqual(['said', 'bye']);
  });

  it('leaves positions and gaps as they are, also for a member that was away', async () => {
    open();
    const [ann, ben] = [await town.member('room.1'), await town.member('room.1')];
    for (let index = 0; index < 3; index++) {
      ann.room.next(typing(`typing ${index}`));
      ann.room.next(note(index));
    }
    await ben.messages.take(6);
    town.net.down();
    town.restart();
    town.hall.channel('room.1').next(typing('nobody is here'));
    town.hall.channel('room.1').next(note('meanwhile'));
    town.net.up();
    await ben.messages.take(7);
    town.hall.channel('room.1').next(typing('again'));
    town.hall.channel('room.1').next(note('after'));
    await ben.messages.take(9);
    const kept = payloads(ben.messages.values).filter((text) => !String(text).match(/typing|again/));
    expect(kept).toEqual([0, 1, 2, 'meanwhile', 'after']);
    expect(payloads(ben.messages.values)).not.toContain('nobody is here');
    expect([ben.gaps.values, ben.faults.values]).toEqual([[], []]);
  });

  it('costs a member that is away no message of the history, however many are published', async () => {
    open({}, { maxQueued: 10 });
    const ben = await town.member('room.1');
    town.hall.channel('room.1').next(note('before'));
    await ben.messages.take(1);
    town.net.down();
    await turn();
    for (let index = 0; index < 1_000; index++) town.hall.channel('room.1').next(typing(index));
    for (const text of [1, 2, 3]) town.hall.channel('room.1').next(note(`note ${text}`));
    town.net.up();
    const isNote = (text: unknown): boolean => String(text).startsWith('note');
    while (payloads(ben.messages.values).filter(isNote).length < 3) await ben.messages.take(ben.messages.values.length + 1);
    expect(payloads(ben.messages.values).filter(isNote)).toEqual(['note 1', 'note 2', 'note 3']);
    expect(ben.messages.values.length).toBeLessThanOrEqual(14);
    expect(ben.gaps.values).toEqual([]);
  });

  it('is dropped when its ttl passes while a member is away', async () => {
    open();
    const ben = await town.member('room.1');
    town.net.down();
    await turn();
    town.hall.channel('room.1').next(createMessage('note', 'old', { delivery: 'at-most-once', ttl: 1 }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    town.net.up();
    town.hall.channel('room.1').next(note('new'));
    expect(payloads(await ben.messages.take(1))).toEqual(['new']);
  });

  it('is authorized like any other, and refused with the reason', async () => {
    open({ authorize: ({ action, message }) => action === 'join' || message?.delivery !== 'at-most-once' });
    const ben = await town.member('room.1');
    ben.room.next(typing('not allowed'));
    const [error] = await ben.faults.take(1);
    expect(error).toMatchObject({ code: 'ERR_CHANNEL_REFUSED', action: 'publish', reason: 'forbidden' });
  });

  it('reaches the members of all hubs that share a log', async () => {
    const log = memoryChannelLog();
    open({ log });
    const elsewhere = rooms({ log });
    const [ann, ben] = [await town.member('room.1'), await elsewhere.member('room.1')];
    ann.room.next(typing('Ann is typing'));
    expect(payloads(await ben.messages.take(1))).toEqual(['Ann is typing']);
    elsewhere.close();
  });

  it('reaches the members of its own hub when the log cannot broadcast', async () => {
    const { append, read, tail } = memoryChannelLog();
    open({ log: { append, read, tail } });
    const [ann, ben] = [await town.member('room.1'), await town.member('room.1')];
    ann.room.next(typing('Ann is typing'));
    expect(payloads(await ben.messages.take(1))).toEqual(['Ann is typing']);
    const late = await town.member('room.1', { from: { last: 100 } });
    ann.room.next(note('hello'));
    expect(payloads(await late.messages.take(1))).toEqual(['hello']);
  });
});
