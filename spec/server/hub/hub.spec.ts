import { EMPTY, filter, map, NEVER, of, Subject, take, throwError, timer, VirtualTimeScheduler } from 'rxjs';
import { messageState } from '../../../lib/operators/sending/messageState.js';
import { channel } from '../../../lib/operators/channels/channel.js';
import type { ChannelBroadcast, ChannelEntry, ChannelLog, ChannelSlice } from '../../../lib/channels/channelLog.js';
import { hub } from '../../../lib/server/hub/hub.js';
import type { Authorize, ChannelRequest } from '../../../lib/server/hub/hubOptions.js';
import { memoryChannelLog } from '../../../lib/server/hub/memoryChannelLog.js';
import { ChannelFailedError, ChannelRefusedError, InvalidMessageError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { fakeInbox } from '../../support/fakeInbox.js';
import { record } from '../../support/record.js';
import { note, payloads, rooms, slowLog, turn } from '../../support/rooms.js';

type TailEntry = ChannelEntry | ChannelBroadcast;

const boom = new Error('boom');
const refusal = (action: 'join' | 'publish', reason: string, id?: string) => new ChannelRefusedError('room.1', action, reason, id);

describe('hub', () => {
  let town: ReturnType<typeof rooms>;
  const open = (...options: Parameters<typeof rooms>) => (town = rooms(...options));
  afterEach(() => town.close());

  /** How it ends for who wants to join. */
  const tryToJoin = (): Promise<unknown> => {
    const room = channel(town.client(), 'room.1');
    return Promise.race<unknown>([record(room).ended, record(room.state$).take(2)]);
  };

  describe('authorizes each join', () => {
    it.each<readonly [string, Authorize]>([
      ['true', () => true],
      ['a promise of true', async () => Promise.resolve(true)],
      ['an Observable of true', () => of(true, false)],
      ['true, after a while', () => timer(5).pipe(map(() => true))],
    ])('lets in after %s', async (_, authorize) => {
      open({ authorize });
      expect(await tryToJoin()).toMatchObject([{ status: 'joining' }, { status: 'joined' }]);
    });

    it.each<readonly [string, Authorize, boolean]>([
      ['false', () => false, false],
      ['a promise of false', async () => Promise.resolve(false), false],
      ['nothing', () => EMPTY, false],
      ['what is only like true', () => of(1 as unknown as boolean), false],
      ['nothing at all', () => undefined as unknown as boolean, false],
      ['a throw', () => { throw boom; }, true], // prettier-ignore
      ['an error', () => throwError(() => boom), true],
      ['a rejection', () => Promise.reject<boolean>(boom), true],
      ['what cannot be subscribed to', () => ({}) as unknown as boolean, true],
    ])('refuses after %s', async (_, authorize, isReported) => {
      open({ authorize });
      expect(await tryToJoin()).toEqual(refusal('join', 'forbidden'));
      expect(town.errors.map(({ code, cause }) => [code, cause])).toEqual(isReported ? [['ERR_CHANNEL_FAILED', expect.anything()]] : []);
    });

    it('refuses when there is no answer in time', async () => {
      const scheduler = new VirtualTimeScheduler();
      open({ authorize: () => NEVER, authorizeTimeout: 1_000, scheduler });
      const refused = record(channel(town.client(), 'room.1'));
      while (scheduler.actions.length === 0) await turn();
      scheduler.flush();
      expect(await refused.ended).toEqual(refusal('join', 'forbidden'));
      expect(scheduler.now()).toBe(1_000);
    });
  });

  it('tells authorize whether the client is a member at the moment', async () => {
    const requests: unknown[] = [];
    const authorize: Authorize = ({ action, isMember }) => {
      requests.push([action, isMember]);
      return true;
    };
    open({ authorize });
    const wire = town.client();
    await channel(wire, 'room.1').send(note('before'));
    const { room, messages } = await town.member('room.1', {}, wire);
    await room.send(note('during'));
    room.updatePresence(1);
    await turn();
    await record(room.history()).ended;
    messages.subscription.unsubscribe();
    await room.send(note('after'));
    expect(requests).toEqual([
      ['publish', false],
      ['join', false],
      ['publish', true],
      ['presence', true],
      ['join', true],
      ['publish', false],
    ]);
  });

  it('authorizes each published message by its member, channel and content, and keeps the order while it waits', async () => {
    const asked: ChannelRequest[] = [];
    const answers: Subject<boolean>[] = [];
    const authorize: Authorize = (request) => {
      if (request.action === 'join') return true;
      asked.push(request);
      const answer = new Subject<boolean>();
      answers.push(answer);
      return answer;
    };
    open({ authorize });
    const { room, messages, states } = await town.member('room.1');
    const faults = record(room.errors$);
    for (const id of ['a', 'b', 'c']) room.next(note(id, id));
    await turn();
    expect(asked.map(({ message }) => message?.payload)).toEqual(['a']);
    const member = { id: states.values.at(-1)?.member };
    expect(asked[0]).toMatchObject({ channel: 'room.1', member, message: { id: 'a', source: member.id } });
    for (const [index, is] of [true, false, true].entries()) answers[index]?.next(is);
    expect(payloads(await messages.take(2))).toEqual(['a', 'c']);
    expect(faults.values).toEqual([refusal('publish', 'forbidden', 'b')]);
  });

  it('ends the claim of a refused message with the reason, whether or not the decision takes time', async () => {
    const inbox = fakeInbox();
    const rejections: unknown[] = [];
    const commit: typeof inbox.commit = (pid, cursor, completions) => {
      rejections.push(...completions.flatMap(({ rejection }) => rejection ?? []));
      return inbox.commit(pid, cursor, completions);
    };
    const answers = new Map<unknown, ReturnType<Authorize>>([
      ['refused at once', false],
      ['refused later', timer(5).pipe(map(() => ({ reason: 'Not now.' })))],
      ['refused while another waits', { reason: 'Not here.' }],
      ['allowed later', timer(5).pipe(map(() => true))],
    ]);
    open({ authorize: ({ message }) => answers.get(message?.payload) ?? true }, { inbox: { ...inbox, commit } });
    const { wire, room, messages } = await town.member('room.1');
    for (const text of answers.keys()) room.next(note(text));
    room.next(note('allowed at once', 'last'));
    expect(payloads(await messages.take(2))).toEqual(['allowed later', 'allowed at once']);
    await messageState(wire, 'last').pipe(filter(({ status }) => status === 'acked'), take(1)).forEach(() => undefined); // prettier-ignore
    expect(rejections).toEqual(
      ['forbidden', 'Not now.', 'Not here.'].map((reason) => ({ kind: 'refused', code: 'ERR_CHANNEL_REFUSED', reason })),
    );
  });

  it('makes a message that it cannot read a dead letter, and refuses it by name', async () => {
    const inbox = fakeInbox();
    open({}, { inbox });
    const { room, faults } = await town.member('room.1');
    room.next({ ...note('no', 'n1'), type: '' });
    room.next(note('yes'));
    expect(await faults.take(1)).toEqual([refusal('publish', 'invalid', 'n1')]);
    expect(inbox.letters).toMatchObject([{ message: { id: 'n1', type: 'channel.publish' }, reason: 'ERR_INVALID_MESSAGE' }]);
    expect(town.errors).toMatchObject([{ code: 'ERR_INVALID_MESSAGE' }]);
  });

  it('refuses messages that a client publishes with the id of another member', async () => {
    open({ identify: ({ id }) => ({ id: `user.${id}` }) });
    const { room, messages } = await town.member('room.1');
    room.next({ ...note('me?'), source: 'admin' });
    expect((await messages.take(1))[0]?.source).toBe(`user.${town.served[0]?.id}`);
  });

  it.each([
    ['limit', { maxChannels: 2 }, ['room.2', 'room.3']],
    ['full', { maxMembers: 1 }, []],
  ])('refuses a join past its bounds: %s', async (reason, options, others) => {
    open(options);
    const wire = town.client();
    for (const name of others) await town.member(name, {}, wire);
    if (others.length === 0) await town.member('room.1');
    const room = channel(wire, 'room.1');
    expect(await record(room).ended).toEqual(refusal('join', reason));
    const [first] = others;
    if (first === undefined) return;
    channel(wire, first).complete();
    await town.member('room.1', {}, wire);
  });

  it('refuses a message that is too large, and hands on the next', async () => {
    open({ maxSize: 1_000 });
    const { room, messages, faults } = await town.member('room.1');
    room.next(note('x'.repeat(1_000), 'n1'));
    room.next(note('small'));
    expect(payloads(await messages.take(1))).toEqual(['small']);
    expect(faults.values).toEqual([refusal('publish', 'too-large', 'n1')]);
  });

  it.each([
    ['a join of nothing', 'channel.join', null],
    ['a join of __proto__ with a space', 'channel.join', { channel: '__proto__ ', join: 1 }],
    ['a join with a position that is none', 'channel.join', { channel: 'a', join: 1, after: { epoch: 'e', offset: 1.5 } }],
    ['a join with a number that is none', 'channel.join', { channel: 'a', join: '1' }],
    ['a history without bounds', 'channel.join', { channel: 'a', join: 1, history: -1 }],
    ['a message that is none', 'channel.publish', { channel: 'a', message: { type: 'note' } }],
    ['a name that is too long', 'channel.leave', { channel: 'x'.repeat(129) }],
    ['a watch of nothing', 'channel.watch', []],
    ['an update of nothing', 'channel.update', null],
    ['an update of a channel without a name', 'channel.update', { channel: '', state: 1 }],
  ])('reports %s, and continues', async (_, type, payload) => {
    open();
    const { room, messages, wire } = await town.member('room.1');
    wire.next({ ...note(null), type, payload });
    room.next(note('fine'));
    expect(payloads(await messages.take(1))).toEqual(['fine']);
    expect(town.errors).toEqual([expect.any(InvalidMessageError)]);
  });

  it('takes __proto__ and constructor for names like any other', async () => {
    open();
    const { room, messages } = await town.member('__proto__');
    await town.member('constructor', {}, town.client());
    room.next(note('fine'));
    expect(payloads(await messages.take(1))).toEqual(['fine']);
  });

  it('gives no more of the past than it wants to', async () => {
    open({ maxReplay: 2 });
    for (let count = 1; count <= 5; count++) town.hall.channel('room.1').next(note(count));
    const { messages } = await town.member('room.1', { from: { last: 1e9 } });
    expect(payloads(await messages.take(2))).toEqual([4, 5]);
  });

  it('answers a second join, and delivers nothing twice', async () => {
    open();
    const { wire, room, messages } = await town.member('room.1', { from: { last: 10 } });
    room.next(note(1));
    await messages.take(1);
    wire.next(createMessage('channel.join', { channel: 'room.1', join: 1, history: 10 }));
    room.next(note(2));
    expect(payloads(await messages.take(2))).toEqual([1, 2]);
  });

  it('lets go of a client that goes', async () => {
    open();
    const [a, b] = [await town.member('room.1'), await town.member('room.1')];
    const presence = record(b.room.presence$);
    await presence.take(1);
    const gone = a.states.values.at(-1)?.member;
    a.wire.complete();
    expect((await presence.take(2))[1]).toMatchObject({ left: [{ id: gone }], members: [{ id: b.states.values.at(-1)?.member }] });
  });

  it('lets go of it at once, while its last message is being handled', async () => {
    const decision$ = new Subject<boolean>();
    open({ authorize: ({ action }) => (action === 'join' ? true : decision$) });
    const { room } = await town.member('room.1');
    const presence = record(town.hall.channel('room.1').presence$);
    room.next(note(1));
    while (!decision$.observed) await turn();
    town.served[0]?.unsubscribe();
    await turn();
    expect(presence.values.at(-1)?.members).toEqual([]);
    presence.subscription.unsubscribe();
    decision$.complete();
  });

  it('serves a wire once, until it is unsubscribed', async () => {
    open();
    const { messages, room } = await town.member('room.1');
    const subscription = town.hall.serve(town.served[0]!);
    expect(town.hall.serve(town.served[0]!)).toBe(subscription);
    subscription.unsubscribe();
    town.hall.channel('room.1').next(note('not for you'));
    room.next(note('unheard'));
    await turn();
    expect(messages.values).toEqual([]);
  });

  it('does not serve a client that it cannot identify, and reports it', async () => {
    open({ identify: () => { throw boom; } }); // prettier-ignore
    const room = record(channel(town.client(), 'room.1'));
    await turn();
    expect(town.errors).toEqual([new ChannelFailedError('identify', '', boom)]);
    expect(room.values).toEqual([]);
    const nameless = hub({ identify: () => 'no name' });
    const errors = record(nameless.errors$);
    nameless.serve(town.served[0]!);
    expect(errors.values[0]?.cause).toBeInstanceOf(TypeError);
  });

  it('is not slowed by a member that does not read', async () => {
    open();
    const [slow, quick] = [await town.member('room.1', {}, town.client({ window: 1 })), await town.member('room.1')];
    slow.messages.subscription.unsubscribe();
    record(slow.room);
    town.net.silence(false);
    for (let count = 0; count < 500; count++) town.hall.channel('room.1').next(note(count));
    expect(await quick.messages.take(500)).toHaveLength(500);
  });

  describe('on the server', () => {
    it('is a Subject: it emits published messages, and keeps nothing without subscribers', async () => {
      const log = memoryChannelLog();
      let tails = 0;
      const counted: ChannelLog = { ...log, tail: (name) => (tails++, log.tail(name)) };
      open({ log: counted });
      const lobby = town.hall.channel('room.1');
      const heard = record(lobby);
      const { room, messages } = await town.member('room.1');
      room.next(note('hello'));
      expect(payloads(await heard.take(1))).toEqual(['hello']);
      heard.subscription.unsubscribe();
      messages.subscription.unsubscribe();
      await turn();
      expect([tails, lobby.observed]).toEqual([1, false]);
      const again = record(lobby);
      lobby.next(note('anew'));
      expect([tails, payloads(again.values)]).toEqual([2, ['anew']]);
    });

    it('reads a long history in pages, in order, while others publish', async () => {
      open({ log: memoryChannelLog({ maxMessages: 10_000 }) });
      const room = town.hall.channel('room.1', { from: 'start' });
      for (let index = 0; index < 1_000; index++) room.next(note(index));
      const seen = record(room);
      for (let index = 1_000; index < 1_500; index++) {
        room.next(note(index));
        if (index % 100 === 0) await turn();
      }
      expect(payloads(await seen.take(1_500))).toEqual(Array.from({ length: 1_500 }, (_, index) => index));
      seen.subscription.unsubscribe();
    });

    it('reads thousands of pages that are there at once', async () => {
      const log = memoryChannelLog({ maxMessages: 5_000 });
      open({ log: { ...log, read: (name, query) => log.read(name, { ...query, limit: 1 }) } });
      const room = town.hall.channel('room.1', { from: 'start' });
      for (let index = 0; index < 5_000; index++) room.next(note(index));
      const seen = record(room);
      expect([payloads(await seen.take(5_000)).at(-1), town.errors]).toEqual([4_999, []]);
      seen.subscription.unsubscribe();
    });

    it('reports the members, and each join and leave', async () => {
      open({ identify: ({ id }) => ({ id, info: { name: 'Ann' } }) });
      const presence = record(town.hall.channel('room.1').presence$);
      const { states, messages } = await town.member('room.1');
      const member = { id: states.values.at(-1)?.member, info: { name: 'Ann' } };
      messages.subscription.unsubscribe();
      expect(await presence.take(3)).toEqual([
        { members: [], others: [], entered: [], left: [], updated: [] },
        { members: [member], others: [member], entered: [member], left: [], updated: [] },
        { members: [], others: [], entered: [], left: [member], updated: [] },
      ]);
    });

    it('can answer published messages', async () => {
      open();
      const bot = town.hall.channel('room.1');
      bot.subscribe(({ source, payload }) => source !== 'hub' && bot.next(note(`echo ${String(payload)}`)));
      const { room, messages } = await town.member('room.1');
      room.next(note('a'));
      room.next(note('b'));
      expect(payloads(await messages.take(4))).toEqual(['a', 'echo a', 'b', 'echo b']);
    });
  });

  describe('with a log that takes its time', () => {
    it('delivers messages that arrive during the replay after it, and none twice', async () => {
      const base = memoryChannelLog();
      const { log, release, isAsked } = slowLog(base);
      open({ log });
      base.append('room.1', note(1));
      const joining = town.member('room.1', { from: { last: 10 } });
      while (!isAsked()) await turn();
      base.append('room.1', note(2));
      base.append('room.1', note(3));
      release();
      const { messages, gaps } = await joining;
      base.append('room.1', note(4));
      expect(payloads(await messages.take(4))).toEqual([1, 2, 3, 4]);
      expect(gaps.values).toEqual([]);
    });

    it('acks a published message when the log has stored it', async () => {
      const { log, release } = slowLog(memoryChannelLog());
      open({ log });
      const wire = town.client();
      let isAcked = false;
      const acked = wire.send(createMessage('channel.publish', { channel: 'room.1', message: note(1) })).then(() => (isAcked = true));
      for (let count = 0; count < 5; count++) await turn();
      expect(isAcked).toBe(false);
      release();
      await acked;
      expect(isAcked).toBe(true);
    });

    describe('of a client that joins many channels', () => {
      /** A log whose reads are answered one after the other, by `answer`. */
      const openCounted = (count: number, settings: Parameters<typeof rooms>[0] = {}) => {
        const base = memoryChannelLog();
        const reads: { readonly name: string; readonly maxBytes: number | undefined; readonly answer$: Subject<void> }[] = [];
        const log: ChannelLog = {
          ...base,
          append: (name, message) => base.append(name, message),
          read: (name, query) => {
            const answer$ = new Subject<void>();
            reads.push({ name, maxBytes: query.maxBytes, answer$ });
            return answer$.pipe(
              take(1),
              map(() => base.read(name, query) as ChannelSlice),
            );
          },
        };
        open({ log, ...settings });
        const wire = town.client();
        const members = Array.from({ length: count }, (_, index) => {
          const room = channel(wire, `room.${index}`);
          return { states: record(room.state$), messages: record(room) };
        });
        const statuses = () => members.map(({ states }) => states.values.at(-1)?.status);
        const turns = async (): Promise<void> => {
          for (let count = 0; count < 5; count++) await turn();
        };
        return { base, reads, wire, members, statuses, turns };
      };

      it('reads eight of them at once, and the next one when the oldest is read', async () => {
        const { reads, statuses, turns } = openCounted(12);
        await turns();
        // Together they are one page.
        expect(reads).toMatchObject(Array.from({ length: 8 }, (_, index) => ({ name: `room.${index}`, maxBytes: 32_768 })));
        reads[3]!.answer$.next();
        await turns();
        expect(statuses()[3]).toBe('joined');
        expect(reads).toHaveLength(8);
        reads[0]!.answer$.next();
        await turns();
        expect(reads.map(({ name }) => name).slice(8)).toEqual(['room.8', 'room.9']);
        for (let index = 0; index < 12; index++) {
          reads[index]?.answer$.next();
          await turns();
        }
        expect(statuses()).toEqual(Array<string>(12).fill('joined'));
      });

      it('publishes to the channel of a join behind it, and to the others at once', async () => {
        const { base, reads, wire, turns } = openCounted(8);
        await turns();
        const publish = (name: string) => wire.next(createMessage('channel.publish', { channel: name, message: note(name) }));
        publish('other');
        publish('room.2');
        await turns();
        const lastOf = (name: string) => (base.read(name, { limit: 1 }) as ChannelSlice).last;
        expect([lastOf('other'), lastOf('room.2')]).toEqual([1, 0]);
        reads[2]!.answer$.next();
        await turns();
        expect(lastOf('room.2')).toBe(1);
      });

      it('does not exceed the number of channels', async () => {
        const decisions$ = new Subject<boolean>();
        const { reads, members, turns } = openCounted(8, { maxChannels: 3, authorize: () => decisions$ });
        const refused: unknown[] = [];
        for (const { messages } of members) void messages.ended.then((error) => refused.push(error));
        for (let count = 0; count < 3; count++) {
          await turns();
          decisions$.next(true);
        }
        await turns();
        expect(reads.map(({ name }) => name)).toEqual(['room.0', 'room.1', 'room.2']);
        expect(refused).toEqual(Array.from({ length: 5 }, (_, index) => new ChannelRefusedError(`room.${index + 3}`, 'join', 'limit')));
      });
    });

    it('does not add a member that has left before the authorization ends', async () => {
      const { log, release, isAsked } = slowLog(memoryChannelLog());
      open({ log });
      const wire = town.client();
      record(channel(wire, 'room.1'));
      while (!isAsked()) await turn();
      const presence = record(town.hall.channel('room.1').presence$);
      wire.unsubscribe();
      town.served[0]!.unsubscribe();
      await turn();
      release();
      await turn();
      expect(presence.values.at(-1)?.members).toEqual([]);
    });
  });

  describe('with a log that fails', () => {
    const failing = (part: keyof ChannelLog, how: () => never): ChannelLog => ({ ...memoryChannelLog(), [part]: how });
    const fail = (): never => {
      throw boom;
    };
    const failLater = () => throwError(() => boom) as never;

    it.each([
      ['at once', fail],
      ['later', failLater],
    ])('repeats a join that cannot be read, until it can: %s', async (_, how) => {
      const log = memoryChannelLog();
      log.append('room.1', note('stored'));
      let failures = 3;
      const read: ChannelLog['read'] = (...args) => (failures-- > 0 ? how() : log.read(...args));
      const scheduler = new VirtualTimeScheduler();
      open({ log: { ...log, read }, scheduler });
      const wire = town.client();
      const room = channel(wire, 'room.1', { from: 'start' });
      const [messages, states] = [record(room), record(room.state$)];
      while (town.errors.length === 0) await turn();
      // The messages behind the join do not wait for it.
      await channel(wire, 'room.1').send(note('sent'));
      const joined = states.take(2);
      for (let count = 0; count < 3; count++) {
        scheduler.flush();
        await turn();
      }
      await joined;
      expect(payloads(await messages.take(2))).toEqual(['stored', 'sent']);
      expect(states.values.map(({ status }) => status)).toEqual(['joining', 'joined']);
      expect(town.errors).toEqual(Array(3).fill(new ChannelFailedError('log', 'room.1', boom)));
    });

    it('gives up a join that is repeated when the client leaves', async () => {
      const scheduler = new VirtualTimeScheduler();
      open({ log: failing('read', fail), scheduler });
      const { subscription } = record(channel(town.client(), 'room.1'));
      while (town.errors.length === 0) await turn();
      subscription.unsubscribe();
      while (town.heard.at(-1) !== 'channel.leave') await turn();
      scheduler.flush();
      expect(town.errors).toHaveLength(1);
    });

    it.each([
      ['at once', fail],
      ['later', failLater],
    ])('refuses a message that cannot be added, %s; reports one that the server publishes', async (_, how) => {
      open({ log: failing('append', how) });
      const { room, faults } = await town.member('room.1');
      room.next(note(1, 'n1'));
      await faults.take(1);
      town.hall.channel('room.1').next(note(2));
      expect(faults.values).toEqual([refusal('publish', 'failed', 'n1')]);
      expect(town.errors).toEqual(Array(2).fill(new ChannelFailedError('log', 'room.1', boom)));
    });

    it('tells the server itself what it missed while the log could not be read', () => {
      const scheduler = new VirtualTimeScheduler();
      const log = memoryChannelLog({ scheduler });
      let failures = 2;
      const read: ChannelLog['read'] = (...args) => (failures-- > 0 ? fail() : log.read(...args));
      open({ log: { ...log, read }, scheduler });
      log.append('room.1', note(1));
      const seen = record(town.hall.channel('room.1', { from: 'start' }));
      log.append('room.1', note(2));
      scheduler.flush();
      log.append('room.1', note(3));
      expect(payloads(seen.values)).toEqual([1, 2, 3]);
      expect(town.errors).toEqual(Array(2).fill(new ChannelFailedError('log', 'room.1', boom)));
      seen.subscription.unsubscribe();
    });

    it.each(['live', 'start'] as const)('hands on what is published while the first read fails, to the server itself: from %s', (from) => {
      const scheduler = new VirtualTimeScheduler();
      const log = memoryChannelLog({ scheduler });
      let failures = 2;
      const read: ChannelLog['read'] = (...args) => (failures-- > 0 ? fail() : log.read(...args));
      open({ log: { ...log, read }, scheduler });
      const seen = record(town.hall.channel('room.1', { from }));
      log.append('room.1', note('stored'));
      town.hall.channel('room.1').next({ ...note('broadcast'), delivery: 'at-most-once' });
      scheduler.flush();
      expect(new Set(payloads(seen.values))).toEqual(new Set(['stored', 'broadcast']));
      seen.subscription.unsubscribe();
    });

    /** A log of which the tail can be broken. */
    const breakable = (options = {}) => {
      const log = memoryChannelLog(options);
      let break$ = new Subject<TailEntry>();
      return {
        ...log,
        tail: (name: string) => {
          const live$ = (break$ = new Subject<TailEntry>());
          log.tail(name).subscribe(live$);
          return live$;
        },
        break: (): void => break$.error(boom),
      };
    };

    it('follows the log again after a failure, and delivers the missed messages', async () => {
      const scheduler = new VirtualTimeScheduler();
      const log = breakable({ scheduler });
      open({ log, scheduler });
      const { messages, gaps } = await town.member('room.1');
      log.append('room.1', note(1));
      log.break();
      log.append('room.1', note(2));
      log.append('room.1', note(3));
      scheduler.flush();
      log.append('room.1', note(4));
      expect(payloads(await messages.take(4))).toEqual([1, 2, 3, 4]);
      expect([gaps.values, town.errors]).toEqual([[], [new ChannelFailedError('log', 'room.1', boom)]]);
      expect(scheduler.now()).toBeGreaterThan(0);
    });

    it('drops no stored message, and hands on broadcasts, while the missed ones are read', async () => {
      const scheduler = new VirtualTimeScheduler();
      const log = breakable({ scheduler });
      const { log: slow, release, isAsked } = slowLog(log);
      let isSlow = false;
      const read: ChannelLog['read'] = (name, query) => (isSlow ? slow.read(name, query) : log.read(name, query));
      open({ log: { ...log, read }, scheduler });
      const { messages, gaps } = await town.member('room.1');
      log.append('room.1', note(1));
      await messages.take(1);
      isSlow = true;
      log.break();
      log.append('room.1', note(2));
      scheduler.flush();
      expect(isAsked()).toBe(true);
      log.append('room.1', note(3));
      log.broadcast?.('room.1', note('ephemeral'));
      release();
      expect(new Set(payloads(await messages.take(4)))).toEqual(new Set([1, 'ephemeral', 2, 3]));
      expect(payloads(messages.values).filter((text) => text !== 'ephemeral')).toEqual([1, 2, 3]);
      expect(gaps.values).toEqual([]);
    });

    it('reports a gap to its members when some missed messages were removed', async () => {
      const scheduler = new VirtualTimeScheduler();
      const log = breakable({ scheduler, maxMessages: 1 });
      open({ log, scheduler });
      const { messages, gaps } = await town.member('room.1');
      log.append('room.1', note(1));
      await messages.take(1);
      log.break();
      log.append('room.1', note(2));
      log.append('room.1', note(3));
      scheduler.flush();
      expect(payloads(await messages.take(2))).toEqual([1, 3]);
      expect(gaps.values).toMatchObject([{ after: { offset: 1 }, next: { offset: 3 } }]);
    });

    it('ends the gap in front of the first message that a compacted one stands for', async () => {
      const scheduler = new VirtualTimeScheduler();
      const log = breakable({ scheduler, maxMessages: 2 });
      open({ log, scheduler });
      const { messages, gaps } = await town.member('room.1');
      log.append('room.1', note(1));
      await messages.take(1);
      log.break();
      for (const text of [2, 3, 4]) log.append('room.1', note(text));
      const { epoch } = log.read('room.1', { limit: 0 }) as ChannelSlice;
      log.compact?.('room.1', { epoch, first: 3, offset: 4, message: note('3 and 4') });
      scheduler.flush();
      expect(payloads(await messages.take(2))).toEqual([1, '3 and 4']);
      expect(gaps.values).toMatchObject([{ after: { offset: 1 }, next: { offset: 3 } }]);
    });

    it('gives a reader within a compacted message the rest of it, and nothing twice', async () => {
      const scheduler = new VirtualTimeScheduler();
      const log = breakable({ scheduler });
      open({ log, scheduler });
      const early = await town.member('room.1');
      log.append('room.1', note(1));
      await early.messages.take(1);
      log.break();
      log.append('room.1', note(2));
      const late = await town.member('room.1', { from: 'start' });
      await late.messages.take(2);
      const onServer = record(town.hall.channel('room.1', { from: 'start' }));
      log.append('room.1', note(3));
      const { epoch } = log.read('room.1', { limit: 0 }) as ChannelSlice;
      log.compact?.('room.1', { epoch, first: 2, offset: 3, message: note('2 and 3') });
      scheduler.flush();
      log.append('room.1', note(4));
      scheduler.flush();
      expect(payloads(await early.messages.take(3))).toEqual([1, '2 and 3', 4]);
      expect(payloads(await late.messages.take(4))).toEqual([1, 2, 3, 4]);
      expect(payloads(await onServer.take(4))).toEqual([1, 2, 3, 4]);
      expect(late.gaps.values).toEqual([]);
      onServer.subscription.unsubscribe();
    });
  });

  it.each(['maxChannels', 'maxMembers', 'maxReplay', 'maxSize', 'authorizeTimeout'])(
    'refuses a %s that is not positive when called',
    (option) => {
      open();
      expect(() => hub({ [option]: 0 })).toThrow(new RangeError(`hub: "${option}" must be > 0, got 0`));
    },
  );
});
