import { EMPTY, map, NEVER, of, ReplaySubject, throwError, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { requestAll, type MemberReply } from '../../../lib/operators/channels/requestAll.js';
import { ChannelSubject } from '../../../lib/operators/channels/channelSubject.js';
import type { Presence } from '../../../lib/channels/memberList.js';
import { channel } from '../../../lib/operators/channels/channel.js';
import { reply } from '../../../lib/operators/requests/reply.js';
import type { ReplyOptions } from '../../../lib/operators/requests/requestTypes.js';
import type { ClusterPresence, PresenceChange } from '../../../lib/channels/clusterPresence.js';
import { hub } from '../../../lib/server/hub/hub.js';
import type { HubOptions } from '../../../lib/server/hub/hubOptions.js';
import { memoryChannelLog } from '../../../lib/server/hub/memoryChannelLog.js';
import type { RxwireError } from '../../../lib/message/errors.js';
import { ChannelRefusedError, ChannelTimeoutError, ReplyError, RequestTimeoutError, WireClosedError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { webSocket } from '../../../lib/io/webSocket.js';
import { connect } from '../../../lib/wire/connect.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { eventually } from '../../support/eventually.js';
import { record } from '../../support/record.js';
import { rooms, turn } from '../../support/rooms.js';
import { wireServer } from '../../support/wireServer.js';

const vote = createMessage('vote', 'pizza?');
const brief = ({ member, value, error }: MemberReply): unknown => [member.id, error ? error.code : value];

interface TimeOptions {
  readonly timeout?: number;
  readonly subscription?: string;
}

describe('the replies of the members, in virtual time', () => {
  /** A channel whose members send what the marbles say: `a` is the reply of a, `A` its error, and so on. */
  const inTime = (replies: string, presence: string, expected: string, { timeout = 10, subscription }: TimeOptions = {}): Message[] => {
    const sent: Message[] = [];
    const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted));
    scheduler.run(({ cold, hot, expectObservable }) => {
      const messageOf = (letter: string): Message => {
        const { id = '' } = sent[0] ?? {};
        const source = letter.toLowerCase();
        const type = TYPES[letter] ?? (letter === source ? 'reply.last' : 'reply.error');
        const payload = type === 'reply.error' ? { code: 'NO', message: 'no' } : (SOURCES[letter] ?? source);
        return {
          ...createMessage(type, payload as unknown, { correlationId: letter === 'x' ? 'another' : id }),
          source: SOURCES[letter] ?? source,
        };
      };
      const members = (ids: string): Presence['members'] => Array.from(ids, (id) => ({ id }));
      const presenceOf = (others: string, left = ''): Presence => ({
        ...{ members: members(others), others: members(others), entered: [], updated: [] },
        left: members(left),
      });
      const room = new ChannelSubject({
        name: 'room.1',
        messages$: hot(replies).pipe(map(messageOf)),
        presence$: cold(presence, { m: presenceOf('abc'), n: presenceOf('ac', 'b'), e: presenceOf(''), l: presenceOf('abcd') }),
        publish: (message) => void sent.push(message),
        send(message) {
          sent.push(message);
          return Promise.resolve(undefined);
        },
      });
      const result$ = requestAll(room, vote, { timeout, scheduler }).pipe(map(brief));
      const codes = Object.fromEntries(
        ['a', 'b', 'c', 'd'].flatMap((id) => [
          [id, [id, id]],
          [id.toUpperCase(), [id, 'ERR_REPLY']],
          [String('abcd'.indexOf(id)), [id, 'ERR_REQUEST_TIMEOUT']],
          [String('abcd'.indexOf(id) + 4), [id, 'ERR_WIRE_CLOSED']],
        ]),
      );
      expectObservable(result$, subscription).toBe(expected, { ...codes, u: ['a', undefined] });
    });
    return sent;
  };
  const TYPES: Readonly<Record<string, string>> = { s: 'reply', p: 'reply.progress', u: 'reply.complete' };
  const SOURCES: Readonly<Record<string, string>> = { s: 'a', p: 'a', u: 'a', x: 'a' };

  it('emits the reply of each member as it arrives, and completes with the last', () => {
    const sent = inTime('-----c-a--b', '--m---l', '-----c-a--(b|)', { timeout: 20 });
    expect(sent).toEqual([expect.objectContaining({ type: 'vote', payload: 'pizza?', delivery: 'at-most-once', ttl: 20 })]);
    expect(sent[0]!.replyTo).toBeTruthy();
    expect(sent[0]!.id).not.toBe(vote.id);
  });

  it('emits an error for each member that does not reply in time, and cancels there', () => {
    const sent = inTime('---b', 'm', '---b------(02|)');
    expect(sent.map(({ type, correlationId, delivery }) => [type, correlationId, delivery])).toEqual([
      ['vote', undefined, 'at-most-once'],
      ['request.cancel', sent[0]!.id, 'at-most-once'],
    ]);
  });

  it('emits the error with which a member has replied, and that of one that has left', () => {
    inTime('-A----c', 'm---n', '-A--B-(c|)');
  });

  it('ignores strangers, other answers, repeats and progress; an empty reply is undefined', () => {
    inTime('-xdpuaa--b-c', 'm', '----u----b-(c|)', { timeout: 20 });
  });

  it('takes the first of several replies, and cancels the others at the end', () => {
    const sent = inTime('-s-s-b-c', 'm', '-a---b-(c|)');
    expect(sent.map(({ type }) => type)).toEqual(['vote', 'request.cancel']);
  });

  it('cancels when it is unsubscribed, unless all have replied', () => {
    expect(inTime('-a---b-c', 'm', '-a--', { subscription: '^--!' }).map(({ type }) => type)).toEqual(['vote', 'request.cancel']);
    expect(inTime('-a-b-c', 'm', '-a-b-(c|)').map(({ type }) => type)).toEqual(['vote']);
  });

  it('completes at once without other members, and asks nobody', () => {
    expect(inTime('-', '--e', '--|')).toEqual([]);
  });

  it('has a result for each member when the channel completes', () => {
    expect(inTime('-a-|', 'm', '-a-(56|)').map(({ type }) => type)).toEqual(['vote']);
  });
});

describe('what it cannot ask', () => {
  const roomOf = (parts: { messages$?: Observable<Message>; presence$?: Observable<Presence>; send?: () => Promise<undefined> }) => {
    const { messages$ = NEVER, presence$ = NEVER, send = () => Promise.resolve(undefined) } = parts;
    const published: Message[] = [];
    const room = new ChannelSubject({ name: 'room.1', messages$, presence$, send, publish: (message) => void published.push(message) });
    return { room, published };
  };
  const one: Presence = { members: [{ id: 'a' }], others: [{ id: 'a' }], entered: [], left: [], updated: [] };

  it('fails when the members are not known in time, and when the channel completes before', async () => {
    expect(await record(requestAll(roomOf({}).room, vote, { timeout: 5 })).ended).toEqual(new ChannelTimeoutError('room.1', 5));
    expect(await record(requestAll(roomOf({ messages$: EMPTY }).room, vote)).ended).toBeInstanceOf(WireClosedError);
  });

  it('fails with the error of the channel, and of the request', async () => {
    const refused = new ChannelRefusedError('room.1', 'join', 'full');
    const failing = throwError(() => refused);
    expect(await record(requestAll(roomOf({ messages$: failing, presence$: failing }).room, vote)).ended).toBe(refused);
    const { room, published } = roomOf({ presence$: of(one), send: () => Promise.reject(refused) });
    expect(await record(requestAll(room, vote)).ended).toBe(refused);
    expect(published).toEqual([]);
  });

  it('waits for the members when only the answer of the hub is missing', async () => {
    const { room } = roomOf({ presence$: of(one), send: () => Promise.reject(new ChannelTimeoutError('room.1', 1)) });
    const results = record(requestAll(room, vote, { timeout: 5 }));
    expect(await results.ended).toBe('complete');
    expect(results.values).toMatchObject([{ member: { id: 'a' }, error: { code: 'ERR_REQUEST_TIMEOUT' } }]);
  });

  it('refuses a timeout that is no positive number', () => {
    expect(() => requestAll(roomOf({}).room, vote, { timeout: 0 })).toThrow(RangeError);
  });
});

describe('the members of a hub', () => {
  let town: ReturnType<typeof rooms>;
  let names: string[] = [];
  const open = (options: HubOptions = {}): void => {
    names = ['ann', 'bob', 'cid'];
    town = rooms({ identify: () => names.shift()!, ...options });
  };
  afterEach(() => town.close());

  const onError: ReplyOptions['onError'] = () => undefined;
  const answering = async (answer: () => unknown) => {
    const member = await town.member('room.1');
    member.room.pipe(reply({ vote: answer }, { onError })).subscribe(member.room);
    return member;
  };

  it('reply to the one that asks, and to no other member; the history has none of it', async () => {
    open();
    const ann = await answering(() => 'my own');
    const bob = await answering(() => 'yes');
    const cid = await answering(() => {
      throw new ReplyError('BUSY', 'later');
    });
    const results = record(requestAll(ann.room, vote));
    expect(await results.ended).toBe('complete');
    expect(results.values.map(({ member, value, error }) => [member.id, value, error])).toEqual([
      ['bob', 'yes', undefined],
      ['cid', undefined, new ReplyError('BUSY', 'later')],
    ]);
    const typesOf = ({ messages }: typeof ann): string[] => messages.values.map(({ type }) => type);
    expect(typesOf(bob)).toEqual(['vote']);
    expect(typesOf(cid)).toEqual(['vote']);
    expect(ann.messages.values.map(({ source, type }) => [source, type])).toContainEqual(['bob', 'reply.last']);
    expect(await record(ann.room.history()).ended).toBe('complete');
    expect((await town.hall.channel('room.1').send(createMessage('note', 1)))?.offset).toBe(1);
  });

  it('reply to the server', async () => {
    open();
    await answering(() => 'yes');
    const bob = await answering(() => 'no');
    const results = record(requestAll(town.hall.channel('room.1'), vote));
    expect(await results.ended).toBe('complete');
    expect(results.values.map(brief)).toEqual([
      ['ann', 'yes'],
      ['bob', 'no'],
    ]);
    expect(bob.messages.values.map(({ type }) => type)).toEqual(['vote']);
  });

  it('cannot reply for another member', async () => {
    open();
    const [ann, bob, cid] = [await town.member('room.1'), await town.member('room.1'), await town.member('room.1')];
    const results = record(requestAll(ann.room, vote, { timeout: 100 }));
    const [{ id, replyTo }] = (await bob.messages.take(1)) as [Message];
    await cid.messages.take(1);
    for (const source of ['cid', 'bob']) {
      bob.room.next({ ...createMessage('reply.last', source, { correlationId: id, ...(replyTo && { target: replyTo }) }), source });
    }
    expect(await results.ended).toBe('complete');
    expect(results.values).toEqual([
      { member: { id: 'bob' }, value: 'cid' },
      { member: { id: 'cid' }, error: expect.any(RequestTimeoutError) as RxwireError },
    ]);
  });

  it('are asked only if the hub allows it', async () => {
    open({ authorize: ({ message }) => message?.type !== 'vote' });
    const ann = await town.member('room.1');
    await answering(() => 'yes');
    expect(await record(requestAll(ann.room, vote)).ended).toMatchObject({ code: 'ERR_CHANNEL_REFUSED', action: 'publish' });
  });

  it('count as failed when they leave before they reply', async () => {
    open();
    const ann = await town.member('room.1');
    const bob = await town.member('room.1');
    const results = record(requestAll(ann.room, vote));
    await bob.messages.take(1);
    bob.messages.subscription.unsubscribe();
    expect(await results.ended).toBe('complete');
    expect(results.values).toMatchObject([{ member: { id: 'bob' }, error: { remoteCode: 'ERR_MEMBER_LEFT' } }]);
  });

  it('stop their work when the request is unsubscribed', async () => {
    open();
    const ann = await town.member('room.1');
    const stopped: boolean[] = [];
    const bob = await town.member('room.1');
    bob.room
      .pipe(
        reply({
          vote: (_, { signal }) => {
            signal.addEventListener('abort', () => stopped.push(true));
            return NEVER;
          },
        }),
      )
      .subscribe(bob.room);
    const asking = requestAll(ann.room, vote).subscribe();
    await bob.messages.take(1);
    asking.unsubscribe();
    while (stopped.length === 0) await turn();
    expect(stopped).toEqual([true]);
  });
});

it('asks the members at all nodes, over sockets', async () => {
  const [one$, two$] = [new ReplaySubject<PresenceChange>(), new ReplaySubject<PresenceChange>()];
  const presenceOf = (own$: ReplaySubject<PresenceChange>, others$: Observable<PresenceChange>): ClusterPresence => ({
    publish: (_, change) => own$.next(change),
    changes: () => others$,
  });
  const presences = [presenceOf(one$, two$), presenceOf(two$, one$)];
  const log = memoryChannelLog();
  const wires: Wire[] = [];
  const names = ['ann', 'bob', 'cid'];
  const hubs = presences.map((presence) => hub({ log, presence, identify: () => names.shift()! }));
  const [one, two] = await Promise.all(hubs.map(({ serve }) => wireServer((wire) => serve(wire))));
  const join = async (url: string) => {
    const wire = connect({ link: webSocket(url) });
    wires.push(wire);
    const room = channel(wire, 'room.1');
    room.pipe(reply({ vote: ({ payload }) => `${room.state.member} ${String(payload)}` })).subscribe(room);
    await eventually(() => expect(room.state.status).toBe('joined'));
    return room;
  };
  const ann = await join(one!.url);
  await join(one!.url);
  await join(two!.url);
  const presence = record(ann.presence$);
  await eventually(() => expect(presence.values.at(-1)?.others).toHaveLength(2));
  for (const asker of [ann, hubs[1]!.channel('room.1')]) {
    const results = record(requestAll(asker, vote));
    expect(await results.ended).toBe('complete');
    const expected = [
      ['ann', 'ann pizza?'],
      ['bob', 'bob pizza?'],
      ['cid', 'cid pizza?'],
    ].slice(asker === ann ? 1 : 0);
    expect(results.values.map(brief).sort()).toEqual(expected);
  }
  presence.subscription.unsubscribe();
  wires.forEach((wire) => wire.unsubscribe());
  await Promise.all([one!.close(), two!.close()]);
});
