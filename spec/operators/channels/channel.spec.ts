import { filter, firstValueFrom, Subject, timer, VirtualTimeScheduler } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import { withChannels } from '../../../lib/operators/channels/withChannels.js';
import type { ChannelLog, ChannelSlice } from '../../../lib/channels/channelLog.js';
import { memoryChannelLog } from '../../../lib/server/hub/memoryChannelLog.js';
import { ChannelRefusedError, ConnectionLostError, InvalidMessageError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { parsePosition } from '../../../lib/channels/channelPosition.js';
import { ofType } from '../../../lib/operators/ofType.js';
import { consume } from '../../../lib/operators/consume/consume.js';
import { record } from '../../support/record.js';
import { note, payloads, rooms, turn } from '../../support/rooms.js';

describe('channel', () => {
  let town: ReturnType<typeof rooms>;
  const open = (...options: Parameters<typeof rooms>) => (town = rooms(...options));
  afterEach(() => town.close());

  it('delivers a published message to all members, and to its sender, with the id of the sender', async () => {
    open();
    const [a, b, other] = [await town.member('room.1'), await town.member('room.1'), await town.member('room.2')];
    a.room.next(note('hello', 'n1'));
    const [mine] = await a.messages.take(1);
    town.hall.channel('room.1').next(note('from the server'));
    const [, served] = await b.messages.take(2);
    expect([mine?.source, mine?.id, mine?.payload]).toEqual([a.states.values.at(-1)?.member, 'n1', 'hello']);
    expect([served?.source, served?.payload]).toEqual(['hub', 'from the server']);
    expect(payloads(b.messages.values)).toEqual(['hello', 'from the server']);
    expect(other.messages.values).toEqual([]);
  });

  it('delivers a message to all members but its sender, which keeps its position, without echo', async () => {
    open({ identify: () => 'ann' });
    const stored = new Map<string, string>();
    const remember = {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, text: string) => void stored.set(key, text),
    };
    const a = await town.member('room.1', { echo: false, remember });
    // Another client of the same member.
    const b = await town.member('room.1');
    a.room.next(note('published', 'n1'));
    const position = await a.room.send(note('sent', 'n2'));
    a.room.next(createMessage('note', 'ephemeral', { delivery: 'at-most-once' }));
    await b.messages.take(3);
    expect(a.room.position).toBe(`${position!.offset}.${position!.epoch}`);
    await turn();
    expect(stored.get('rxwire:room.1')).toBe(a.room.position);
    // An id is recognized once, and only as its own.
    b.room.next(note('of another client', 'n1'));
    expect(payloads(await a.messages.take(1))).toEqual(['of another client']);
    expect(payloads(b.messages.values)).toEqual(['published', 'sent', 'ephemeral', 'of another client']);
    const past = record(a.room.history());
    await past.ended;
    expect(past.values.map(({ message }) => message.payload)).toEqual(['published', 'sent', 'of another client']);
    expect(a.gaps.values).toEqual([]);
    a.room.next(note('last'));
    a.wire.complete();
    expect(await record(a.wire.state$).ended).toBe('complete');
    expect(payloads(a.messages.values)).toEqual(['of another client']);
  });

  it('reads a history of more pages than the queue of the server holds', async () => {
    const base = memoryChannelLog();
    const read: ChannelLog['read'] = (name, query) => {
      const slice = base.read(name, query) as ChannelSlice;
      return { ...slice, entries: slice.entries.slice(0, 1) };
    };
    open({ log: { ...base, read } }, { maxQueued: 4 });
    const texts = Array.from({ length: 12 }, (_, index) => index);
    for (const text of texts) await town.hall.channel('room.1').send(note(text));
    const { room } = await town.member('room.1');
    const past = record(room.history());
    expect(await past.ended).toBe('complete');
    expect(past.values.map(({ message }) => message.payload)).toEqual(texts);
  });

  it('fails to read a history if the server has dropped a part of it', async () => {
    const base = memoryChannelLog();
    const log: ChannelLog = {
      ...base,
      read(name, query) {
        // The messages of the server fill the queue behind the first page.
        if (query.after && query.before) for (let count = 0; count < 4; count++) town.served[0]?.next(note('more'));
        const slice = base.read(name, query) as ChannelSlice;
        return { ...slice, entries: slice.entries.slice(0, 2) };
      },
    };
    open({ log }, { maxQueued: 4 });
    for (const text of ['a', 'b', 'c', 'd']) await town.hall.channel('room.1').send(note(text));
    const { room } = await town.member('room.1');
    expect(await record(room.history({ limit: 4 })).ended).toMatchObject({ code: 'ERR_MISSED' });
  });

  it('delivers a single message to all members but its sender, also after a lost connection', async () => {
    open({ identify: () => 'ann' });
    const a = await town.member('room.1');
    // Another client of the same member.
    const b = await town.member('room.1');
    a.room.next(note('published', 'n1'), { echo: false });
    const position = await a.room.send(note('sent', 'n2'), { echo: false });
    await b.messages.take(2);
    expect(a.room.position).toBe(`${position!.offset}.${position!.epoch}`);
    town.net.cut();
    a.room.next(createMessage('note', 'ephemeral', { delivery: 'at-most-once' }), { echo: false });
    a.room.next(note('offline', 'n3'), { echo: false });
    a.room.next(note('to all'));
    expect(payloads(await a.messages.take(1))).toEqual(['to all']);
    await b.messages.take(4);
    expect(payloads(b.messages.values).filter((payload) => payload !== 'ephemeral')).toEqual(['published', 'sent', 'offline', 'to all']);
    expect(payloads(a.messages.values)).toEqual(['to all']);
    // The log has it, for a later reader of the sender, too.
    const past = record(a.room.history());
    await past.ended;
    expect(past.values.map(({ message }) => message.payload)).toEqual(['published', 'sent', 'offline', 'to all']);
    expect(a.gaps.values).toEqual([]);
  });

  it('delivers a single message to its sender, too, on a channel without echo', async () => {
    open();
    const a = await town.member('room.1', { echo: false });
    a.room.next(note('to the others'));
    a.room.next(note('published'), { echo: true });
    await a.room.send(note('sent'), { echo: true });
    expect(payloads(await a.messages.take(2))).toEqual(['published', 'sent']);
  });

  it('receives a refused message of another client with the same id, without echo', async () => {
    open({ authorize: ({ action, message }) => action === 'join' || message?.payload !== 'refused' });
    const a = await town.member('room.1', { echo: false });
    await a.room.send(note('refused', 'n1')).catch(() => undefined);
    a.room.next(note('more', 'n2'));
    town.hall.channel('room.1').next({ ...note('again', 'n1'), source: a.room.state.member! });
    expect(payloads(await a.messages.take(1))).toEqual(['again']);
  });

  it('has its state now', async () => {
    open();
    const { room, messages, states, wire } = await town.member('room.1');
    expect(room.state).toBe(states.values.at(-1));
    expect(room.state.status).toBe('joined');
    messages.subscription.unsubscribe();
    expect(room.state).toEqual({ status: 'left' });
    expect(channel(wire, 'room.2').state).toEqual({ status: 'left' });
  });

  it('is joined once however many subscribe, and left when the last leaves', async () => {
    open();
    const wire = town.client();
    const room = channel(wire, 'room.1');
    const [one, two] = [record(room), record(room.pipe(filter(() => true)))];
    await first(town);
    await turn();
    town.hall.channel('room.1').next(note('a'));
    await Promise.all([one.take(1), two.take(1)]);
    expect(room.observed).toBe(true);
    one.subscription.unsubscribe();
    await turn();
    expect(town.heard).toEqual(['channel.join']);
    two.subscription.unsubscribe();
    await turn();
    expect(town.heard).toEqual(['channel.join', 'channel.leave']);
    expect([room.observed, await now(room.state$)]).toEqual([false, { status: 'left' }]);
  });

  it('joins again for a subscriber that arrives after the channel was left, from the current position', async () => {
    open();
    const { room, messages, wire } = await town.member('room.1');
    messages.subscription.unsubscribe();
    town.hall.channel('room.1').next(note('missed'));
    const again = record(room);
    await turn();
    town.hall.channel('room.1').next(note('heard'));
    expect(payloads(await again.take(1))).toEqual(['heard']);
    expect(channel(wire, 'room.1')).toBe(room);
  });

  it('multiplexes many channels over one connection', async () => {
    open();
    const wire = town.client();
    const all = await Promise.all(Array.from({ length: 50 }, (_, index) => town.member(`room.${index}`, {}, wire)));
    all.forEach(({ room }, index) => room.next(note(index)));
    for (const [index, { messages }] of all.entries()) expect(payloads(await messages.take(1))).toEqual([index]);
    expect(town.net.opened()).toBe(1);
  });

  it('continues after a lost connection without joining again', async () => {
    open();
    const { messages, statuses, gaps } = await town.member('room.1');
    town.net.cut();
    for (let count = 0; count < 5; count++) town.hall.channel('room.1').next(note(count));
    expect(payloads(await messages.take(5))).toEqual([0, 1, 2, 3, 4]);
    expect([statuses(), gaps.values]).toEqual([['joining', 'joined'], []]);
  });

  it('joins again by itself after a lost session, and recovers the missed messages', async () => {
    open();
    const { messages, statuses, gaps, until } = await town.member('room.1');
    town.hall.channel('room.1').next(note('before'));
    await messages.take(1);
    town.net.down();
    town.restart();
    town.hall.channel('room.1').next(note('meanwhile'));
    town.net.up();
    await messages.take(2);
    town.hall.channel('room.1').next(note('after'));
    expect(payloads(await messages.take(3))).toEqual(['before', 'meanwhile', 'after']);
    await until('joined');
    expect([statuses(), gaps.values]).toEqual([['joining', 'joined', 'recovering', 'joined'], []]);
  });

  it('joins again when the server has changed, although the session continues', async () => {
    open();
    const { statuses, until, states } = await town.member('room.1');
    town.served[0]!.next(createMessage('channel.reset', null));
    await states.take(3);
    await until('joined');
    expect([town.heard, statuses()]).toEqual([
      ['channel.join', 'channel.join'],
      ['joining', 'joined', 'recovering', 'joined'],
    ]);
  });

  it('reports a gap when the history does not reach back to its last message', async () => {
    open({ log: memoryChannelLog({ maxMessages: 2 }) });
    const { messages, statuses, gaps } = await town.member('room.1');
    town.hall.channel('room.1').next(note(1));
    await messages.take(1);
    town.net.down();
    town.restart();
    for (let count = 2; count <= 6; count++) town.hall.channel('room.1').next(note(count));
    town.net.up();
    expect(payloads(await messages.take(3))).toEqual([1, 5, 6]);
    const epoch = gaps.values[0]?.after.epoch;
    expect(gaps.values).toEqual([{ reason: 'history', after: { epoch, offset: 1 }, next: { epoch, offset: 5 } }]);
    expect(statuses()).toEqual(['joining', 'joined', 'recovering', 'gap', 'joined']);
  });

  describe('with a hub that misbehaves', () => {
    /** A member, and what the server says to it. */
    const talk = async () => {
      open();
      const member = await town.member('room.1');
      await member.room.send(note('first'));
      const { epoch } = parsePosition(member.room.position!)!;
      const say = (type: string, payload: object, correlationId?: string): void =>
        town.served[0]!.next(createMessage(type, { channel: 'room.1', ...payload }, correlationId === undefined ? {} : { correlationId }));
      return { ...member, epoch, say };
    };

    it('stays a member when a request for older messages is refused that has timed out', async () => {
      const { say, room, messages } = await talk();
      say('channel.refused', { action: 'join', reason: 'failed' }, 'a request of the past');
      await room.send(note('second'));
      expect(payloads(await messages.take(2))).toEqual(['first', 'second']);
      expect(room.state.status).toBe('joined');
    });

    it('loses an unreadable message alone, and reports it', async () => {
      const { say, room, epoch, messages, gaps, faults } = await talk();
      say('channel.message', { epoch, offset: 2, message: { id: 7 } });
      say('channel.message', { epoch, offset: 3, message: note('third') });
      expect(payloads(await messages.take(2))).toEqual(['first', 'third']);
      expect(faults.values).toEqual([expect.any(InvalidMessageError)]);
      expect(gaps.values).toEqual([{ reason: 'undeliverable', after: { epoch, offset: 1 }, next: { epoch, offset: 3 } }]);
      expect(room.state.status).toBe('joined');
    });

    it('considers messages lost that three joins have not brought, and goes on', async () => {
      const { say, epoch, messages, gaps, until } = await talk();
      for (let count = 0; count < 4; count++) {
        say('channel.message', { epoch, offset: 9, message: note('ninth') });
        await until('joined');
        await turn();
        await until('joined');
      }
      expect(payloads(await messages.take(2))).toEqual(['first', 'ninth']);
      expect(town.heard.filter((type) => type === 'channel.join')).toHaveLength(4);
      expect(gaps.values).toEqual([{ reason: 'undeliverable', after: { epoch, offset: 1 }, next: { epoch, offset: 9 } }]);
    });
  });

  it('reports a gap when the history was lost, and starts again', async () => {
    open();
    const { messages, gaps } = await town.member('room.1');
    town.hall.channel('room.1').next(note('old'));
    await messages.take(1);
    town.net.down();
    town.restart({});
    town.hall.channel('room.1').next(note('new'));
    town.net.up();
    expect(payloads(await messages.take(2))).toEqual(['old', 'new']);
    expect(gaps.values.map(({ reason }) => reason)).toEqual(['epoch']);
  });

  it('gets each message in order, though there is room for few on their way; the others have them at once', async () => {
    open({}, { maxQueued: 10, window: 4 });
    const slow = await town.member('room.1', {}, town.client({ window: 4 }));
    const quick = await town.member('room.1', {}, town.client({ window: 1_024 }));
    const sent = Array.from({ length: 40 }, (_, index) => index);
    town.hall.channel('room.1').next(note('first'));
    await Promise.all([slow.messages.take(1), quick.messages.take(1)]);
    for (const index of sent) {
      town.hall.channel('room.1').next(note(index));
      // The quick one keeps up; the slow one has more in one go than its queue holds.
      if (index % 8 === 7 && index < 24) await quick.messages.take(index + 2);
    }
    expect(payloads(await slow.messages.take(41))).toEqual(['first', ...sent]);
    expect([slow.gaps.values, slow.statuses()]).toEqual([[], ['joining', 'joined']]);
  });

  it('gets what the full queue of its client has dropped, and the end, without another message', async () => {
    open({}, { maxQueued: 6 });
    const { messages, gaps } = await town.member('room.1');
    const { channel: of } = town.hall;
    town.net.down();
    for (const text of ['a', 'b', 'c']) of('room.1').next(note(text));
    of('room.1').next(createMessage('channel.ended', { status: 'completed' }));
    // The messages of the server push out the others.
    for (let count = 0; count < 6; count++) town.served[0]!.next(note('of the server'));
    town.net.up();
    expect(await messages.ended).toBe('complete');
    expect([payloads(messages.values), gaps.values]).toEqual([['a', 'b', 'c'], []]);
  });

  it('requests missing messages again, and misses none', async () => {
    open();
    const { messages, gaps, statuses } = await town.member('room.1');
    const { epoch } = (await town.hall.channel('room.1').send(note('first')))!;
    await town.hall.channel('room.1').send(note('second'));
    await messages.take(2);
    // A message that the log does not have, so far: the client has missed the third.
    town.served[0]!.next(createMessage('channel.message', { channel: 'room.1', epoch, offset: 4, after: 3, message: note('fourth') }));
    await turn();
    expect(statuses()).toEqual(['joining', 'joined', 'recovering', 'joined']);
    await town.hall.channel('room.1').send(note('third'));
    expect(payloads(await messages.take(3))).toEqual(['first', 'second', 'third']);
    expect(gaps.values).toEqual([]);
  });

  it('begins with the latest messages, if it wants them', async () => {
    open();
    for (let count = 1; count <= 5; count++) town.hall.channel('room.1').next(note(count));
    const { messages, gaps } = await town.member('room.1', { from: { last: 3 } });
    expect(payloads(await messages.take(3))).toEqual([3, 4, 5]);
    town.hall.channel('room.1').next(note(6));
    expect(payloads(await messages.take(4))).toEqual([3, 4, 5, 6]);
    expect(gaps.values).toEqual([]);
  });

  it('fails with a ChannelRefusedError when the join is refused, and joins again for the next subscriber', async () => {
    let isOpen = false;
    open({ authorize: () => isOpen });
    const room = channel(town.client(), 'room.1');
    const [refused, states] = [record(room), record(room.state$)];
    const error = new ChannelRefusedError('room.1', 'join', 'forbidden');
    expect(await refused.ended).toEqual(error);
    expect(states.values.at(-1)).toEqual({ status: 'refused', error });
    isOpen = true;
    const again = record(room);
    await states.take(4);
    town.hall.channel('room.1').next(note('in'));
    expect(payloads(await again.take(1))).toEqual(['in']);
    expect(states.values.slice(2)).toEqual([{ status: 'joining' }, { status: 'joined', member: town.served[0]?.id }]);
  });

  it('reports messages that were not published, whether or not it is joined', async () => {
    open({ authorize: ({ action }) => action === 'join' });
    const wire = town.client();
    const room = channel(wire, 'room.1');
    const errors = record(room.errors$);
    room.next(note('no', 'n1'));
    expect(await errors.take(1)).toEqual([new ChannelRefusedError('room.1', 'publish', 'forbidden', 'n1')]);
    expect((await now(room.state$)).status).toBe('left');
  });

  it('is acked when its handlers are done', async () => {
    open();
    const wire = town.client();
    const done = new Subject<void>();
    const started = record(channel(wire, 'room.1').pipe(consume(() => done)));
    await first(town);
    const receipts = record(town.served[0]!.receipts$.pipe(filter(({ status }) => status === 'acked')));
    // The acks of what was sent before may wait.
    await firstValueFrom(timer(100));
    const before = receipts.values.length;
    town.hall.channel('room.1').next(note('work'));
    await turn();
    expect(receipts.values.length).toBe(before);
    done.complete();
    await receipts.take(before + 1);
    await started.take(1);
  });

  it('repeats a request without an answer in time, with the same number', () => {
    open();
    const scheduler = new VirtualTimeScheduler();
    const asked: Message[] = [];
    const wire = town.client();
    const next = wire.next.bind(wire);
    wire.next = (message) => void asked.push(message);
    const room = record(channel(wire, 'room.1', { answerTimeout: 1_000, scheduler }));
    scheduler.maxFrames = 2_500;
    scheduler.flush();
    expect(asked.map(({ payload }) => payload)).toEqual(Array(3).fill({ channel: 'room.1', join: 1, watch: false }));
    expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
    wire.next = next;
    room.subscription.unsubscribe();
  });

  it('remains the same channel while any of its streams is in use, however many others there are', async () => {
    open();
    const wire = town.client();
    const used = channel(wire, 'room.used');
    const presence = record(used.presence$);
    await presence.take(1);
    for (let index = 0; index < 2_000; index++) channel(wire, `room.${index}`);
    expect(channel(wire, 'room.used')).toBe(used);
    presence.subscription.unsubscribe();
    for (let index = 0; index < 2_000; index++) channel(wire, `room.${index}`);
    expect(channel(wire, 'room.used')).not.toBe(used);
  });

  it('reports an ephemeral message, and an answer, that cannot be', async () => {
    open();
    const { messages, faults } = await town.member('room.1');
    const [server] = town.served;
    const say = (type: string, payload: unknown): void => server!.next({ ...note(null), type, payload });
    say('channel.message', { channel: 'room.1', epoch: 'e', message: note('half a position') });
    say('channel.message', { channel: 'room.1', message: { type: '' } });
    say('channel.published', { channel: 'room.1', offset: 1 });
    say('channel.published', { channel: 'room.1', epoch: 'e', offset: 1 });
    say('channel.message', { channel: 'room.1', message: note('fine') });
    expect(payloads(await messages.take(1))).toEqual(['fine']);
    expect(faults.values).toEqual(Array(3).fill(expect.any(InvalidMessageError)));
  });

  it('ends with its wire', async () => {
    open();
    const [a, b] = [await town.member('room.1'), await town.member('room.1')];
    a.wire.complete();
    expect([await a.messages.ended, await a.states.ended, await a.gaps.ended, await a.faults.ended]).toEqual(Array(4).fill('complete'));
    expect(await record(a.room).ended).toBe('complete');
    const presence = record(b.room.presence$);
    const error = new ConnectionLostError(4403, 'no');
    const failures = record(b.wire.failures$);
    b.wire.error(error);
    expect(failures.values).toMatchObject([{ error: { code: 'ERR_DROPPED', reason: 'closed' } }]);
    const ends = [b.messages, presence, b.states, b.gaps, b.faults, record(b.room)].map(({ ended }) => ended);
    expect(await Promise.all(ends)).toEqual(ends.map(() => 'complete'));
    expect(b.states.values.at(-1)).toEqual({ status: 'left', error });
  });

  it('sends nothing more through a wire that ends, and reports no loss', async () => {
    open();
    const { wire, messages, room } = await town.member('room.1');
    const presence = record(room.presence$);
    await presence.take(1);
    const [errors, failures] = [record(wire.errors$), record(wire.failures$)];
    wire.complete();
    presence.subscription.unsubscribe();
    messages.subscription.unsubscribe();
    expect((await now(room.state$)).status).toBe('left');
    await errors.ended;
    expect([errors.values, failures.values]).toEqual([[], []]);
    expect(town.heard).toEqual(['channel.join', 'channel.watch']);
  });

  it('ends with its wire for those that have no messages of it, and says so to those that come later', async () => {
    open();
    const wire = town.client();
    const room = channel(wire, 'room.1');
    const [states, gaps] = [record(room.state$), record(room.gaps$)];
    wire.complete();
    expect([await states.ended, await gaps.ended, states.values.at(-1)]).toEqual(['complete', 'complete', { status: 'left' }]);
    const late = record(room.state$);
    expect([late.values, await late.ended]).toEqual([[{ status: 'left' }], 'complete']);
  });

  it('ends for all subscribers when it is completed; a later call returns a new channel', async () => {
    open();
    const { room, messages, states, wire } = await town.member('room.1');
    const presence = record(room.presence$);
    room.complete();
    room.next(note('not sent'));
    expect([await messages.ended, await presence.ended]).toEqual(['complete', 'complete']);
    expect(states.values.at(-1)?.status).toBe('left');
    expect(await record(room).ended).toBe('complete');
    expect(channel(wire, 'room.1')).not.toBe(room);

    const other = await town.member('room.2', {}, wire);
    other.room.error(new Error('enough'));
    expect(await other.messages.ended).toEqual(new Error('enough'));
  });

  it('reports invalid messages of a server, and continues', async () => {
    open();
    const { messages, faults } = await town.member('room.1');
    const [server] = town.served;
    const say = (type: string, payload: unknown): void => server!.next({ ...note(null), type, payload });
    say('channel.message', { channel: 'room.1', epoch: 'e', offset: -1, message: note('a') });
    say('channel.message', { channel: 'room.1', epoch: 'e', offset: 1, message: { type: '' } });
    say('channel.joined', { channel: 'room.1' });
    say('channel.message', { channel: '__proto__ ', epoch: 'e', offset: 1, message: note('a') });
    say('channel.message', null);
    say('channel.unheard-of', { channel: 'room.1' });
    town.hall.channel('room.1').next(note('fine'));
    expect(payloads(await messages.take(1))).toEqual(['fine']);
    expect(faults.values).toEqual([
      new InvalidMessageError('payload.offset', 'must be a whole number >= 0'),
      expect.any(InvalidMessageError),
      expect.any(InvalidMessageError),
    ]);
  });

  it('keeps the delivery fields of a message', () => {
    open();
    const wire = town.client();
    const sent: Message[] = [];
    wire.next = (message) => void sent.push(message);
    channel(wire, 'room.1').next(createMessage('note', 1, { id: 'n1', ttl: 5, priority: 2, timestamp: 7 }));
    expect(sent[0]).toMatchObject({ id: 'n1', type: 'channel.publish', ttl: 5, priority: 2, timestamp: 7 });
  });

  it('sends nothing over a wire that drains, and reports no loss', async () => {
    open();
    const wire = town.client();
    const { room, messages } = await town.member('room.1', { answerTimeout: 20 }, wire);
    const [errors, failures] = [record(wire.errors$), record(wire.failures$)];
    town.served[0]!.pipe(
      ofType('slow'),
      consume(() => timer(150)),
    ).subscribe();
    const presence = record(room.presence$);
    await presence.take(1);
    wire.next(createMessage('slow', null));
    room.updatePresence({ caret: 1 });
    wire.complete();
    presence.subscription.unsubscribe();
    await turn();
    town.hall.channel('room.1').next(createMessage('channel.ended', { status: 'completed' }));
    await messages.ended;
    expect([errors.values, failures.values]).toEqual([[], []]);
  });

  it('reports a join over a wire that drains, once', async () => {
    open();
    const wire = town.client();
    await town.member('room.1', {}, wire);
    const errors = record(wire.errors$);
    town.served[0]!.pipe(
      ofType('slow'),
      consume(() => timer(150)),
    ).subscribe();
    wire.next(createMessage('slow', null));
    wire.complete();
    await record(channel(wire, 'room.2', { answerTimeout: 20 })).ended;
    expect(errors.values.map(({ code }) => code)).toEqual(['ERR_WIRE_CLOSED']);
  });

  it('is a method of a wire with channels', () => {
    open();
    const wire = withChannels(town.client(), { from: { last: 5 } });
    expect(wire.channel('room.1')).toBe(channel(wire, 'room.1'));
  });

  it.each(['', 'a b', 'ä', 'x'.repeat(129), '{}'])('refuses the name %j when called', (name) => {
    open();
    expect(() => channel(town.client(), name)).toThrow(TypeError);
    expect(() => town.hall.channel(name)).toThrow(TypeError);
  });

  it('refuses numbers that are out of range when called', () => {
    open();
    const wire = town.client();
    expect(() => channel(wire, 'a', { from: { last: -1 } })).toThrow(new RangeError('channel: "last" must be >= 0, got -1'));
    expect(() => channel(wire, 'a', { answerTimeout: 0 })).toThrow(new RangeError('channel: "answerTimeout" must be > 0, got 0'));
  });
});

/** Waits for the first client's wire. */
async function first(town: ReturnType<typeof rooms>): Promise<void> {
  while (town.served.length === 0) await turn();
}

async function now<T>(source: Parameters<typeof record<T>>[0]): Promise<T> {
  return (await record(source).take(1))[0]!;
}
