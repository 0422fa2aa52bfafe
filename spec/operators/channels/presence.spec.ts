import { jest } from '@jest/globals';
import { filter, VirtualTimeScheduler } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import type { Presence } from '../../../lib/channels/memberList.js';
import type { HubOptions } from '../../../lib/server/hub/hubOptions.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { record } from '../../support/record.js';
import { rooms, turn } from '../../support/rooms.js';

const member = (id: string) => ({ id });
const [a, b] = [member('a'), member('b')];
const presenceOf = (presence: Partial<Presence>): Presence => ({
  members: [],
  others: [],
  entered: [],
  left: [],
  updated: [],
  ...presence,
});

describe('presence$', () => {
  let town: ReturnType<typeof rooms>;
  const open = (...options: Parameters<typeof rooms>) => (town = rooms(...options));
  afterEach(() => town.close());

  let names: string[] = [];
  const identify = () => ({ id: names.shift() ?? 'nobody' });

  it('reports the members, and each join and leave', async () => {
    names = ['a', 'b'];
    open({ identify });
    const first = await town.member('room.1');
    const presence = record(first.room.presence$);
    await presence.take(1);
    const second = await town.member('room.1');
    await presence.take(2);
    second.messages.subscription.unsubscribe();
    expect(await presence.take(3)).toEqual([
      presenceOf({ members: [a], others: [], entered: [a] }),
      presenceOf({ members: [a, b], others: [b], entered: [b] }),
      presenceOf({ members: [a], others: [], left: [b] }),
    ]);
  });

  it('joins the channel, and emits the known members to later subscribers', async () => {
    names = ['a'];
    open({ identify });
    const wire = town.client();
    const { room } = await town.member('room.1', {}, wire);
    const [first, second] = [record(room.presence$), record(room.presence$)];
    await second.take(1);
    expect((await record(room.presence$).take(1))[0]).toEqual(presenceOf({ members: [a], others: [] }));
    expect(first.values).toEqual(second.values);
    expect(town.heard).toEqual(['channel.join', 'channel.watch']);
  });

  it('costs nothing for members without a presence subscriber', async () => {
    open();
    const { room } = await town.member('room.1');
    const presence = record(room.presence$);
    await presence.take(1);
    presence.subscription.unsubscribe();
    const seen = record(town.clients[0]!);
    await town.member('room.1');
    await turn();
    expect(seen.values.map(({ type }) => type)).toEqual([]);
  });

  it('counts a member once that is there by several wires', async () => {
    open({ identify: () => 'ann' });
    const presence = record(town.hall.channel('room.1').presence$);
    const [one, two] = [await town.member('room.1'), await town.member('room.1')];
    one.messages.subscription.unsubscribe();
    await turn();
    expect(presence.values.map(({ members }) => members.length)).toEqual([0, 1]);
    two.messages.subscription.unsubscribe();
    expect((await presence.take(3))[2]).toEqual(presenceOf({ left: [member('ann')] }));
  });

  it('reports the changes after a lost session', async () => {
    names = ['a', 'b'];
    open({ identify });
    const { room } = await town.member('room.1');
    const presence = record(room.presence$);
    await town.member('room.1');
    await presence.take(2);
    town.net.down();
    town.clients[1]!.unsubscribe();
    names = ['a'];
    town.restart({ identify });
    town.net.up();
    expect((await presence.take(3))[2]).toEqual(presenceOf({ members: [a], others: [], left: [b] }));
  });

  it('requests the list again after a missed change', async () => {
    open();
    const { room } = await town.member('room.1');
    const presence = record(room.presence$);
    await presence.take(1);
    const [server] = town.served;
    server!.next(createMessage('note', null, { ttl: 1, timestamp: 0 }));
    await presence.take(2);
    expect(town.heard).toEqual(['channel.join', 'channel.watch', 'channel.watch']);
  });
});

describe('the state of a member', () => {
  let town: ReturnType<typeof rooms>;
  let names: string[] = [];
  const identify = () => ({ id: names.shift() ?? 'nobody', info: { isOnline: true } });
  const open = (options: HubOptions = {}) => {
    names = ['a', 'b', 'c', 'd'];
    town = rooms({ identify, ...options });
  };
  afterEach(() => town.close());

  const states = ({ others }: Presence): unknown[] => others.map(({ id, state }) => [id, state]);
  const update = (value: unknown, more = {}): Message => createMessage('channel.update', { channel: 'room.1', state: value, ...more });
  /** Two members; the first watches. */
  const pair = async () => {
    const [ann, bob] = [await town.member('room.1'), await town.member('room.1')];
    const presence = record(ann.room.presence$);
    await presence.take(1);
    return { ann, bob, presence };
  };
  const last = (presence: { readonly values: readonly Presence[] }): Presence => presence.values.at(-1)!;

  it('is visible to the other members, and to later ones', async () => {
    open();
    const { ann, bob, presence } = await pair();
    const here = record(town.hall.channel('room.1').presence$);
    expect(states(last(presence))).toEqual([['b', undefined]]);
    bob.room.updatePresence({ caret: 1 });
    const [, next] = await presence.take(2);
    const updated = { id: 'b', info: { isOnline: true }, state: { caret: 1 } };
    expect(next).toMatchObject({ entered: [], left: [], updated: [updated], others: [updated] });
    expect(last(here)).toMatchObject({ updated: [updated], others: [{ id: 'a' }, updated] });
    ann.room.updatePresence({ caret: 2 });
    const late = record((await town.member('room.1')).room.presence$);
    await late.take(1);
    expect(states(last(late))).toEqual([
      ['a', { caret: 2 }],
      ['b', { caret: 1 }],
    ]);
  });

  it('is sent once for a microtask, on both sides', async () => {
    open();
    const { ann, bob, presence } = await pair();
    for (let caret = 0; caret < 100; caret++) bob.room.updatePresence({ caret });
    await presence.take(2);
    expect(states(last(presence))).toEqual([['b', { caret: 99 }]]);
    expect(town.heard.filter((type) => type === 'channel.update')).toHaveLength(1);
    for (let caret = 0; caret < 100; caret++) bob.wire.next(update({ caret }));
    while (JSON.stringify(states(last(presence))) !== '[["b",{"caret":99}]]' || presence.values.length < 3)
      await presence.take(presence.values.length + 1);
    expect(presence.values.length).toBeLessThan(20);
    expect(ann.faults.values).toEqual([]);
  });

  it('is removed by null, and goes with the member', async () => {
    open();
    const { bob, presence } = await pair();
    bob.room.updatePresence('here');
    await presence.take(2);
    bob.room.updatePresence(null);
    await presence.take(3);
    expect(states(last(presence))).toEqual([['b', undefined]]);
    bob.room.updatePresence('again');
    await presence.take(4);
    bob.messages.subscription.unsubscribe();
    await presence.take(5);
    await town.member('room.1', {}, bob.wire);
    await presence.take(6);
    expect(states(last(presence))).toEqual([['b', undefined]]);
  });

  it('may be set before the client joins', async () => {
    open();
    const { presence } = await pair();
    const wire = town.client();
    channel(wire, 'room.1').updatePresence('early');
    await town.member('room.1', {}, wire);
    while (states(last(presence)).length < 2 || states(last(presence))[1]?.toString() !== 'c,early')
      await presence.take(presence.values.length + 1);
    expect(town.heard.filter((type) => type === 'channel.update')).toHaveLength(1);
  });

  it('is sent again after a lost session', async () => {
    open();
    const { bob, presence } = await pair();
    bob.room.updatePresence('here');
    await presence.take(2);
    names = ['a', 'b'];
    town.restart({ identify });
    const isBack = (): boolean => states(last(presence))[0]?.toString() === 'b,here' && town.heard.filter((type) => type === 'channel.update').length === 2; // prettier-ignore
    while (!isBack()) await turn();
    expect(
      last(presence)
        .members.map(({ id }) => id)
        .sort(),
    ).toEqual(['a', 'b']);
  });

  it('is authorized, and refused in words', async () => {
    const asked: unknown[] = [];
    open({
      authorize: ({ action, member: { id }, state }) => {
        if (action !== 'presence') return true;
        asked.push([id, state]);
        return state === 'good' || { reason: 'Be good.' };
      },
    });
    const { bob, presence } = await pair();
    bob.room.updatePresence('bad');
    const [refused] = await bob.faults.take(1);
    expect(refused).toMatchObject({ code: 'ERR_CHANNEL_REFUSED', action: 'presence', reason: 'Be good.' });
    expect(refused?.text).toBe('the hub refused to let this client update its presence in the channel room.1: Be good.');
    bob.room.updatePresence('x'.repeat(4_100));
    expect((await bob.faults.take(2))[1]).toMatchObject({ action: 'presence', reason: 'too-large' });
    bob.room.updatePresence('good');
    await presence.take(2);
    expect([states(last(presence)), bob.statuses().at(-1)]).toEqual([[['b', 'good']], 'joined']);
    expect(asked).toEqual([['b', 'bad'], ['b', 'good']]); // prettier-ignore
  });

  it.each<readonly [string, (name: string) => Message]>([
    ['no channel', () => ({ ...update(1), payload: null })],
    ['a name that is none', () => update(1, { channel: 'a b' })],
    ['__proto__ for a channel', () => update(1, { channel: '__proto__' })],
    ['a channel that the client is not in', () => update(1, { channel: 'room.2' })],
    ['a state for another member', () => update(1, { id: 'a', member: 'a' })],
    ['a large state of many parts', () => update(Array.from({ length: 5_000 }, () => ({})))],
  ])('is not changed for another by an update with %s', async (_, message) => {
    open();
    const { bob, presence } = await pair();
    const elsewhere = record(town.hall.channel('room.2').presence$);
    bob.wire.next(message('a'));
    bob.room.updatePresence('good');
    while (states(last(presence))[0]?.toString() !== 'b,good') await presence.take(presence.values.length + 1);
    expect(last(presence).members.find(({ id }) => id === 'a')?.state).toBeUndefined();
    expect(elsewhere.values).toHaveLength(1);
  });

  it('arrives in parts when many members have a large state', async () => {
    open({ identify: ({ id }) => id });
    const large = 's'.repeat(4_000);
    for (let count = 0; count < 100; count++) (await town.member('room.1')).room.updatePresence(`${count}${large}`);
    const { room } = await town.member('room.1');
    const presence = record(room.presence$);
    await presence.take(1);
    while (last(presence).others.filter(({ state }) => state).length < 100) await presence.take(presence.values.length + 1);
    const again = await town.member('room.1');
    const parts = record(again.wire.pipe(filter(({ type }) => type === 'channel.presence')));
    const whole = record(again.room.presence$);
    await whole.take(1);
    expect(last(whole).others.filter(({ state }) => String(state).length > 4_000)).toHaveLength(100);
    expect(parts.values).toHaveLength(2);
  });
});

describe('a member without a connection', () => {
  let town: ReturnType<typeof rooms>;
  let clock: VirtualTimeScheduler;
  const open = (options: HubOptions = {}) => {
    clock = new VirtualTimeScheduler();
    town = rooms({ scheduler: clock, ...options });
  };
  afterEach(() => town.close());

  const run = async (ms: number): Promise<void> => {
    clock.maxFrames = clock.frame + ms;
    clock.flush();
    clock.frame = clock.maxFrames;
    await turn();
  };
  const cut = async (code: number): Promise<void> => {
    const status = town.served[0]!.state$;
    town.net.down(code);
    await record(status.pipe(filter((state) => state.status !== 'connected'))).take(1);
    await turn();
  };
  const sizes = (presence: { readonly values: readonly Presence[] }): number[] => presence.values.map(({ members }) => members.length);
  const watch = () => record(town.hall.channel('room.1').presence$);

  it.each([
    ['at once when its page is closed, without identify', 1001, {}, 0],
    ['5 s after its page was closed, with identify', 1001, { identify: () => 'ann' }, 5_000],
    ['after reloadGrace', 1001, { reloadGrace: 70 }, 70],
    ['lostGrace after it has lost its connection', 1006, { reloadGrace: 70, lostGrace: 90 }, 90],
  ])('leaves %s, and enters again with its state and its messages', async (_, code, options, grace) => {
    open(options);
    const { room, messages } = await town.member('room.1');
    const presence = watch();
    room.updatePresence({ caret: 1 });
    const [, { members }] = (await presence.take(2)) as [Presence, Presence];
    await cut(code);
    if (grace > 0) {
      await run(grace - 1);
      expect(sizes(presence)).toEqual([1, 1]);
      await run(2);
    }
    expect(presence.values.slice(2)).toEqual([presenceOf({ left: members })]);
    town.hall.channel('room.1').next(createMessage('note', 'meanwhile'));
    town.net.up();
    expect((await presence.take(4))[3]).toEqual(presenceOf({ members, others: members, entered: members }));
    expect((await messages.take(1))[0]!.payload).toBe('meanwhile');
    // It leaves once.
    messages.subscription.unsubscribe();
    expect((await presence.take(5))[4]!.members).toEqual([]);
    presence.subscription.unsubscribe();
  });

  it('stays when it has lost its connection, and when it returns within its grace', async () => {
    open({ identify: () => 'ann' });
    await town.member('room.1');
    const presence = watch();
    for (const code of [1006, 1001]) {
      await cut(code);
      await run(4_000);
      town.net.up();
      await record(town.served[0]!.state$.pipe(filter(({ status }) => status === 'connected'))).take(1);
      await run(10_000);
    }
    expect(sizes(presence)).toEqual([1]);
  });

  it('is replaced by its next page, also when the session of the former page has ended', async () => {
    open({ identify: () => 'ann' });
    await town.member('room.1');
    const presence = watch();
    await cut(1001);
    town.served[0]!.unsubscribe();
    town.clients[0]!.unsubscribe();
    await run(1_000);
    town.net.up();
    const next = await town.member('room.1');
    await run(10_000);
    expect(sizes(presence)).toEqual([1]);
    next.messages.subscription.unsubscribe();
    expect(sizes({ values: await presence.take(2) })).toEqual([1, 0]);
  });

  it('leaves after its grace when its session has ended, and keeps the channel open until then', async () => {
    open({ identify: () => 'ann' });
    await town.member('room.1');
    await cut(1001);
    town.served[0]!.unsubscribe();
    await run(1_000);
    const presence = watch();
    expect(sizes(presence)).toEqual([1]);
    await run(5_000);
    expect(sizes(presence)).toEqual([1, 0]);
  });

  it('leaves at once when the server removes it, and is not present when the server makes it a member', async () => {
    open({ identify: () => 'ann' });
    const { wire } = await town.member('room.1');
    const [presence, other] = [watch(), record(town.hall.channel('room.2').presence$)];
    await cut(1001);
    expect(town.hall.leave(town.served[0]!, 'room.1')).toBe(true);
    await presence.take(2);
    town.hall.join(town.served[0]!, 'room.2');
    await run(10_000);
    expect([sizes(presence), sizes(other)]).toEqual([[1, 0], [0]]);
    town.net.up();
    await other.take(2);
    expect([sizes(presence), sizes(other)]).toEqual([
      [1, 0],
      [0, 1],
    ]);
    wire.unsubscribe();
  });

  it('does not keep the process of a stopped server running', async () => {
    const timers = jest.spyOn(globalThis, 'setInterval');
    town = rooms({ lostGrace: 86_400 });
    await town.member('room.1');
    await cut(1006);
    const waiting = timers.mock.calls.flatMap(([, delay], call) =>
      delay === 86_400 ? (timers.mock.results[call]!.value as NodeJS.Timeout) : [],
    );
    timers.mockRestore();
    expect(waiting.map((timer) => timer.hasRef())).toEqual([false]);
    waiting.forEach((timer) => clearInterval(timer));
  });

  it('is away while its page is in the back/forward cache, whose connection may end late', async () => {
    open();
    const page = new EventTarget();
    const { addEventListener, removeEventListener } = globalThis;
    Object.assign(globalThis, {
      addEventListener: page.addEventListener.bind(page),
      removeEventListener: page.removeEventListener.bind(page),
    });
    const happen = (name: string, persisted: boolean) => page.dispatchEvent(Object.assign(new Event(name), { persisted }));
    const { wire } = await town.member('room.1');
    const presence = watch();
    happen('pagehide', false);
    happen('pageshow', false);
    happen('pagehide', true);
    await presence.take(2);
    town.net.cut(1001);
    happen('pageshow', true);
    await presence.take(3);
    await turn();
    // It does not wait for a connection.
    await cut(1006);
    happen('pagehide', true);
    town.net.up();
    await record(town.served[0]!.state$.pipe(filter(({ status }) => status === 'connected'))).take(1);
    await turn();
    expect(sizes(presence)).toEqual([1, 0, 1]);
    wire.unsubscribe();
    happen('pagehide', true);
    expect(town.heard).toEqual(['channel.join', 'channel.away', 'channel.away']);
    Object.assign(globalThis, { addEventListener, removeEventListener });
  });
});
