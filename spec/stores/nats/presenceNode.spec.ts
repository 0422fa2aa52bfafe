import { VirtualTimeScheduler } from 'rxjs';
import { createMemberTracker, isEmpty } from '../../../lib/channels/memberTracker.js';
import { createCoalescedTimer } from '../../../lib/operators/timing/coalescedTimer.js';
import type { ClusterPresence, PresenceChange } from '../../../lib/channels/clusterPresence.js';
import type { RxwireError } from '../../../lib/message/errors.js';
import type { ChannelMember } from '../../../lib/message/channelTypes.js';
import { decodeNodeMessage, encodeNodeMessage, type NodeMessage } from '../../../lib/stores/nats/nodeMessages.js';
import { createPresenceNode } from '../../../lib/stores/nats/presenceNode.js';
import { fakeSubjects } from '../../support/fakeSubjects.js';
import { seeded } from '../../support/seeded.js';

const CHANNEL = 'room.1';
/** The subjects of the heartbeats, of the first node, and of the changes of the channel. */
const [NODES, FIRST, CHANGES] = ['rx.presence.nodes', 'rx.presence.to.n1', 'rx.presence.channel.room=1'];

/** What a hub does with a channel. */
function follow(scheduler: VirtualTimeScheduler, presence: ClusterPresence, name = CHANNEL) {
  const changes: PresenceChange[] = [];
  const timer = createCoalescedTimer(scheduler, () => {
    const { all, own } = tracker.takeChanges();
    if (!isEmpty(own)) presence.publish(name, own);
    if (!isEmpty(all)) changes.push(all);
  });
  const tracker = createMemberTracker(() => timer.set(0));
  const subscription = presence.changes(name).subscribe((change) => tracker.apply(change));
  const ids = (): string[] => tracker.members().map(({ id }) => id);
  const states = (): Record<string, unknown> =>
    Object.fromEntries([...tracker.members()].map(({ id, state }): [string, unknown] => [id, state ?? null]).sort());
  return {
    ...{ changes, ids: () => ids().sort(), states },
    enter: (...members: (string | ChannelMember)[]) => members.forEach((one) => tracker.add(typeof one === 'string' ? { id: one } : one)),
    leave: (...members: string[]) => members.forEach((id) => tracker.remove({ id })),
    update: tracker.update,
    end: () => subscription.unsubscribe(),
  };
}

/** Remembers who is inside. */
function participants(room: ReturnType<typeof follow>) {
  const inside = new Set<string>();
  return {
    ...{ room, inside },
    enter(id: string): void {
      inside.add(id);
      room.enter(id);
    },
    leave(id: string): void {
      inside.delete(id);
      room.leave(id);
    },
  };
}

function cluster(delay?: () => number) {
  const scheduler = new VirtualTimeScheduler();
  const bus = fakeSubjects(scheduler, delay);
  const errors: RxwireError[] = [];
  let count = 0;
  const node = (maxPayload?: number) => {
    const context = { ...bus.connect(maxPayload), name: 'rx', scheduler, report: (error: RxwireError) => errors.push(error) };
    return createPresenceNode(context, `n${++count}`);
  };
  const pass = (time: number): void => {
    scheduler.maxFrames = scheduler.now() + time;
    scheduler.flush();
    scheduler.frame = scheduler.maxFrames;
  };
  const kinds = (from?: number): string[] =>
    bus.sent.filter((sent) => from === undefined || sent.from === from).map(({ data }) => decodeNodeMessage(data).kind);
  return { scheduler, bus, errors, node, pass, kinds, room: (presence = node()) => follow(scheduler, presence) };
}

const isKind = (data: Uint8Array, kind: NodeMessage['kind']): boolean => decodeNodeMessage(data).kind === kind;

describe('presence of the nodes of a cluster', () => {
  it('shares the members that are there, and each change', () => {
    const { room, pass } = cluster();
    const a = room();
    a.enter('ada', { id: 'bob', info: { name: 'Bob' } });
    pass(100);
    const b = room();
    pass(100);
    expect([a.ids(), b.ids()]).toEqual([
      ['ada', 'bob'],
      ['ada', 'bob'],
    ]);
    b.enter('cy');
    b.update('cy', { caret: 1 });
    a.leave('ada');
    pass(25);
    expect([a.states(), b.states()]).toEqual(Array(2).fill({ bob: null, cy: { caret: 1 } }));
    b.update('cy', { caret: 2 });
    pass(25);
    expect(a.changes.at(-1)).toEqual({ entered: [], left: [], updated: [{ id: 'cy', state: { caret: 2 } }] });
    expect(b.changes[0]).toEqual({ entered: [{ id: 'ada' }, { id: 'bob', info: { name: 'Bob' } }], left: [], updated: [] });
  });

  it('sends nothing before it is used, and little while nothing changes', () => {
    const { node, room, bus, pass } = cluster();
    const [first] = [node(), node()];
    pass(5_000);
    expect(bus.sent).toEqual([]);
    const a = room(first);
    a.enter('ada');
    pass(5_000);
    bus.sent = [];
    pass(10_000);
    const bytes = bus.sent.reduce((sum, { data }) => sum + data.length, 0);
    expect([bus.sent.length, bytes < 1_500]).toEqual([10, true]);
    expect(decodeNodeMessage(bus.sent[9]!.data)).toMatchObject({ kind: 'heartbeat', version: 1, since: 1, channels: [] });
  });

  it('joins the changes of 20 ms to few messages, and sends the first at once', () => {
    const { room, bus, pass } = cluster();
    const [a, b] = [room(), room()];
    pass(100);
    bus.sent = [];
    a.enter(...Array.from({ length: 1_000 }, (_, index) => `m${index}`));
    pass(2);
    expect([b.ids().length, bus.sent.length, b.changes.length]).toEqual([1_000, 2, 1]);
    for (let time = 0; time < 10; time++) {
      a.update('m1', time);
      pass(1);
    }
    pass(20);
    expect([b.states()['m1'], bus.sent.length]).toEqual([9, 3]);
  });

  it('splits data that is larger than a message', () => {
    const { node, room, pass, errors } = cluster();
    const a = room(node(4_096));
    a.enter(...Array.from({ length: 300 }, (_, index) => ({ id: `m${index}`, info: 'x'.repeat(100) })));
    pass(100);
    const b = room(node(4_096));
    pass(100);
    a.enter({ id: 'large', info: 'x'.repeat(4_096) }, { id: 'strange', info: Symbol('no data') });
    pass(100);
    expect(b.ids()).toEqual(a.ids());
    expect([b.ids().length, errors.map(({ code }) => code)]).toEqual([302, ['ERR_STORE', 'ERR_STORE']]);
  });

  it('counts a member at several nodes once, until the last has lost it, with the state that was set last', () => {
    const { room, pass } = cluster();
    const [a, b, c] = [room(), room(), room()];
    const all = () => [a.states(), b.states(), c.states()];
    a.enter('ada');
    a.update('ada', 1);
    pass(100);
    b.enter('ada');
    pass(100);
    expect(all()).toEqual(Array(3).fill({ ada: 1 }));
    b.update('ada', 2);
    pass(100);
    a.leave('ada');
    pass(100);
    expect(all()).toEqual(Array(3).fill({ ada: 2 }));
    expect(c.changes.map(({ entered, left }) => [entered.length, left.length])).toEqual([
      [1, 0],
      [0, 0],
    ]);
    b.leave('ada');
    pass(100);
    expect(all()).toEqual([{}, {}, {}]);
  });

  it('ends with the same state everywhere when two nodes set it at once', () => {
    const { room, pass } = cluster();
    const [a, b, c] = [room(), room(), room()];
    a.enter('ada');
    b.enter('ada');
    pass(100);
    a.update('ada', 'a');
    b.update('ada', 'b');
    pass(100);
    expect([a.states(), b.states()]).toEqual([c.states(), c.states()]);
    expect(c.states()).not.toEqual({ ada: null });
  });

  it('announces that a member which has left and joined again has lost its state', () => {
    const { room, pass } = cluster();
    const [a, b] = [room(), room()];
    a.enter('ada');
    a.update('ada', 1);
    pass(100);
    a.leave('ada');
    pass(1);
    a.enter('ada');
    pass(100);
    expect(b.states()).toEqual({ ada: null });
    a.update('ada', 2);
    pass(2);
    a.leave('ada');
    pass(1);
    a.enter('ada');
    a.update('ada', 3);
    pass(100);
    expect(b.states()).toEqual({ ada: 3 });
  });

  it('responds with a snapshot that contains the unpublished changes', () => {
    const { node, scheduler, pass } = cluster();
    const [first, second] = [node(4_096), node()];
    const a = follow(scheduler, first);
    follow(scheduler, second, 'room.2');
    pass(100);
    const elsewhere = follow(scheduler, first, 'room.2');
    elsewhere.enter('ada');
    pass(2);
    a.enter(...Array.from({ length: 300 }, (_, index) => `m${index}`));
    pass(1);
    const changes: PresenceChange[] = [];
    second.changes(CHANNEL).subscribe((change) => changes.push(change));
    pass(100);
    expect(changes.map(({ entered, left, updated }) => [entered.length, left.length, updated.length])).toEqual([[300, 0, 0]]);
  });

  it('hears only the channels that it has opened', () => {
    const { node, scheduler, bus, pass } = cluster();
    const [first, second] = [node(), node()];
    const a = follow(scheduler, first);
    const elsewhere = follow(scheduler, second, 'room.2');
    pass(100);
    bus.sent = [];
    a.enter('ada');
    pass(100);
    expect(bus.sent.map(({ from, subject }) => [from, subject])).toEqual([[0, CHANGES]]);
    const b = follow(scheduler, second);
    pass(100);
    expect([b.ids(), elsewhere.ids()]).toEqual([['ada'], []]);
    b.end();
    a.enter('bob');
    pass(100);
    const again = follow(scheduler, second);
    pass(100);
    expect([b.ids(), again.ids()]).toEqual([['ada'], ['ada', 'bob']]);
  });

  it('starts a channel again after its last member has left', () => {
    const { node, scheduler, pass } = cluster();
    const [first, second] = [node(), node()];
    const b = follow(scheduler, second);
    for (const id of ['ada', 'bob', 'cy']) {
      const a = follow(scheduler, first);
      a.enter(id);
      pass(100);
      expect(b.ids()).toEqual([id]);
      a.leave(id);
      a.end();
      pass(100);
      expect(b.ids()).toEqual([]);
    }
  });

  describe('when a node', () => {
    it('says bye, removes its members at once', () => {
      const { node, room, pass } = cluster();
      const first = node();
      const [a, b] = [room(first), room()];
      a.enter('ada');
      b.enter('bob');
      pass(100);
      first.close();
      first.publish(CHANNEL, { entered: [{ id: 'late' }], left: [], updated: [] });
      pass(2);
      expect(b.ids()).toEqual(['bob']);
      expect(b.changes.at(-1)).toEqual({ entered: [], left: [{ id: 'ada' }], updated: [] });
    });

    it('falls silent, removes its members after 3.5 to 4 s', () => {
      const { room, bus, pass } = cluster();
      const [a, b] = [room(), room()];
      a.enter('ada');
      pass(1_700);
      bus.cut(0);
      pass(2_700);
      expect(b.ids()).toEqual(['ada']);
      pass(1_400);
      expect(b.ids()).toEqual([]);
    });

    it('falls silent for 2 s, keeps them', () => {
      const { room, bus, pass } = cluster();
      const [a, b] = [room(), room()];
      a.enter('ada');
      pass(990);
      bus.isLost = ({ from }) => from === 0;
      pass(2_000);
      bus.isLost = () => false;
      pass(2_000);
      expect([b.ids(), b.changes.length]).toEqual([['ada'], 1]);
    });

    it('receives the changes after a lost connection, and keeps its members in the meantime', () => {
      const { room, bus, pass } = cluster();
      const [a, b] = [room(), room()];
      a.enter('ada', 'bob');
      b.enter('cy');
      pass(1_000);
      bus.cut(1);
      pass(500);
      a.leave('bob');
      a.update('ada', 1);
      b.enter('dan');
      pass(30_000);
      expect([a.ids(), b.ids()]).toEqual([['ada'], ['ada', 'bob', 'cy', 'dan']]);
      const before = b.changes.length;
      bus.restore(1);
      pass(100);
      expect([a.states(), b.states()]).toEqual(Array(2).fill({ ada: 1, cy: null, dan: null }));
      expect(b.changes.length - before).toBe(1);
    });

    it('has lost its own connection, counts the silence of others anew', () => {
      const { room, bus, pass } = cluster();
      const [a, b] = [room(), room()];
      a.enter('ada');
      pass(100);
      bus.isLost = ({ from, to }) => from === 0 && to === 1;
      pass(3_500);
      bus.isLost = () => false;
      bus.cut(1);
      pass(410);
      bus.restore(1);
      pass(3_000);
      expect([b.ids(), b.changes.length]).toEqual([['ada'], 1]);
    });

    it('does not receive its own heartbeats, keeps the others: its connection is interrupted and does not say so', () => {
      const { room, bus, pass } = cluster();
      const [a, b] = [room(), room()];
      a.enter('ada');
      b.enter('bob');
      pass(1_000);
      bus.isLost = ({ to }) => to === 1;
      pass(60_000);
      expect([a.ids(), b.ids()]).toEqual([
        ['ada', 'bob'],
        ['ada', 'bob'],
      ]);
      bus.isLost = ({ from, to }) => from === 0 && to === 1;
      pass(5_000);
      expect(b.ids()).toEqual(['bob']);
    });
  });

  describe('when a message is lost', () => {
    it.each(['enter', 'update', 'leave'] as const)('finds by the heartbeat that a delta is missing: %s', (what) => {
      const { room, bus, pass, kinds } = cluster();
      const [a, b] = [room(), room()];
      a.enter('ada', 'bob');
      pass(100);
      bus.isLost = ({ data }) => isKind(data, 'delta');
      if (what === 'enter') a.enter('cy');
      if (what === 'update') a.update('ada', 1);
      if (what === 'leave') a.leave('bob');
      pass(100);
      expect(b.states()).toEqual({ ada: null, bob: null });
      bus.isLost = () => false;
      bus.sent = [];
      pass(1_100);
      expect(b.states()).toEqual(a.states());
      expect(kinds().filter((kind) => kind !== 'heartbeat')).toEqual(['ask', 'snapshot']);
    });

    it('detects a missing delta by the next one, and requests the members from that node', () => {
      const { room, bus, pass, kinds } = cluster();
      const [a, b] = [room(), room(), room()];
      pass(100);
      bus.isLost = ({ data, to }) => to === 1 && isKind(data, 'delta');
      a.enter('ada');
      pass(100);
      bus.isLost = () => false;
      bus.sent = [];
      a.enter('bob');
      pass(100);
      expect(b.ids()).toEqual(['ada', 'bob']);
      expect(kinds()).toEqual(['delta', 'ask', 'snapshot']);
    });

    it('repeats a request when the request or the response is lost', () => {
      const { room, bus, pass } = cluster();
      const a = room();
      a.enter('ada');
      pass(100);
      for (const kind of ['ask', 'snapshot'] as const) {
        bus.isLost = ({ data }) => isKind(data, kind);
        const b = room();
        pass(800);
        expect(b.ids()).toEqual([]);
        bus.isLost = () => false;
        pass(1_600);
        expect(b.ids()).toEqual(['ada']);
      }
    });

    it('compares all channels after more heartbeats were lost than repeat a change', () => {
      const { node, scheduler, bus, pass } = cluster();
      const [first, second] = [node(), node()];
      const names = Array.from({ length: 400 }, (_, index) => `room.${index}`);
      const rooms = names.map((name) => [follow(scheduler, first, name), follow(scheduler, second, name)] as const);
      pass(1_000);
      const at = (id: string) => rooms.every(([a, b]) => a.ids().includes(id) && b.ids().includes(id));
      bus.isLost = ({ from, to }) => from === 0 && to === 1;
      // More channels than a heartbeat has room for.
      rooms.forEach(([a]) => a.enter('ada'));
      pass(100);
      bus.isLost = () => false;
      pass(1_200);
      expect(at('ada')).toBe(true);
      bus.isLost = ({ from, to, data }) => from === 0 && to === 1 && !(isKind(data, 'heartbeat') && scheduler.now() > 5_300);
      rooms[7]?.[0].enter('bob');
      pass(3_200);
      bus.isLost = () => false;
      pass(1_200);
      expect(rooms[7]?.[1].ids()).toEqual(['ada', 'bob']);
    });
  });

  it('ignores a delta that is old, and replaces the members by a first delta', () => {
    const { bus, room, pass } = cluster();
    const a = room();
    const stranger = bus.connect();
    const eve = { id: 'eve', clock: 0, by: '' };
    const delta = { kind: 'delta', node: 'x', after: 1, version: 2, set: [eve], left: [] } as const;
    stranger.publish(NODES, encodeNodeMessage({ kind: 'heartbeat', node: 'x', version: 1, since: 0, channels: [] }));
    const part = { channel: CHANNEL, isSame: false, isFirst: true, isLast: true, members: [{ ...eve, id: 'adam' }] };
    stranger.publish(FIRST, encodeNodeMessage({ kind: 'snapshot', node: 'x', version: 1, parts: [part] }));
    stranger.publish(CHANGES, encodeNodeMessage(delta));
    stranger.publish(CHANGES, encodeNodeMessage({ ...delta, version: 3, set: [], left: ['adam'] }));
    stranger.publish(CHANGES, encodeNodeMessage({ ...delta, set: [], left: ['eve'] }));
    stranger.publish(FIRST, encodeNodeMessage({ kind: 'snapshot', node: 'x', version: 1, parts: [part] }));
    pass(10);
    expect(a.ids()).toEqual(['eve']);
    stranger.publish(CHANGES, encodeNodeMessage({ ...delta, after: 0, version: 7, set: [{ ...eve, id: 'seth' }] }));
    pass(10);
    expect(a.ids()).toEqual(['seth']);
  });

  it('reports malformed messages, and continues', () => {
    const { bus, room, pass, errors, scheduler } = cluster();
    const a = room();
    const stranger = bus.connect();
    const heartbeat = { kind: 'heartbeat', node: 'x', version: 1, since: 0, channels: [] } as const;
    const member = { id: 'eve', clock: 0, by: '' };
    const bad: readonly [string, unknown][] = [
      [NODES, { ...heartbeat, version: -2 }],
      [NODES, { ...heartbeat, channels: [['no name!', 1]] }],
      [NODES, { ...heartbeat, kind: 'future' }],
      [NODES, { ...heartbeat, node: 'no name!' }],
      [CHANGES, { kind: 'delta', node: 'x', after: 0, version: 1, set: [{ ...member, clock: NaN }], left: [] }],
      [CHANGES, { kind: 'delta', node: 'x', after: 0, version: 1, set: {}, left: [] }],
      [FIRST, { kind: 'snapshot', node: 'x', version: 1, parts: [null] }],
      [FIRST, { kind: 'ask', node: 'x', channels: [[CHANNEL]] }],
    ];
    for (const [subject, message] of bad) stranger.publish(subject, encodeNodeMessage(message as NodeMessage));
    stranger.publish(NODES, new Uint8Array([0xc1, 1, 2]));
    stranger.publish(NODES, new Uint8Array());
    pass(10);
    expect(errors).toHaveLength(bad.length + 2);
    for (const error of errors) expect(error).toMatchObject({ code: 'ERR_STORE', store: 'nats', fault: 'corrupt' });
    stranger.publish(NODES, encodeNodeMessage(heartbeat));
    const part = { channel: CHANNEL, isSame: false, isFirst: true, isLast: true, members: [member] };
    stranger.publish(FIRST, encodeNodeMessage({ kind: 'snapshot', node: 'x', version: 1, parts: [part] }));
    pass(10);
    expect(a.ids()).toEqual(['eve']);
    expect(scheduler.now()).toBe(20);
  });

  it('limits the nodes, and the members of one node in a channel', () => {
    const { bus, room, pass, errors } = cluster();
    const a = room();
    const stranger = bus.connect(2 ** 30);
    const heartbeat = { kind: 'heartbeat', version: 1, since: 0, channels: [] } as const;
    for (let index = 0; index <= 1_000; index++) stranger.publish(NODES, encodeNodeMessage({ ...heartbeat, node: `x${index}` }));
    pass(10);
    expect(errors).toHaveLength(1);
    const part = (index: number, size = 20_000) => ({
      channel: CHANNEL,
      isSame: false,
      isFirst: index === 0,
      isLast: index === 5,
      members: Array.from({ length: size }, (_, at) => ({ id: `m${index}.${at}`, clock: 0, by: '' })),
    });
    const snapshot = { kind: 'snapshot', node: 'x7', version: 1 } as const;
    for (let index = 0; index < 6; index++) stranger.publish(FIRST, encodeNodeMessage({ ...snapshot, parts: [part(index)] }));
    pass(10);
    expect([a.ids(), errors.length]).toEqual([[], 2]);
    bus.sent = [];
    pass(3_000);
    const asked = bus.sent.filter(({ subject }) => subject.startsWith('rx.presence.to.x')).map(({ subject }) => subject);
    expect([asked.includes('rx.presence.to.x8'), asked.includes('rx.presence.to.x7')]).toEqual([true, false]);
  });

  it('ends with the same members and states at all nodes, whatever was lost on the way (300 seeds)', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = seeded(seed);
      const { node, scheduler, bus, pass, errors } = cluster(() => Math.floor(random() * 30));
      const nodes = [node(), node(), node()];
      const at = nodes.map((presence) => participants(follow(scheduler, presence)));
      const pick = (count: number): number => Math.floor(random() * count);
      bus.isLost = () => random() < 0.2;
      for (let step = 0; step < 60; step++) {
        const one = at[pick(3)]!;
        const id = `m${pick(5)}`;
        const what = pick(8);
        if (what < 3 && !one.inside.has(id)) one.enter(id);
        else if (what < 5 && one.inside.has(id)) one.leave(id);
        else if (what === 5) one.room.update(id, step);
        else if (what === 6) bus.cut(pick(3));
        else if (what === 7) [0, 1, 2].forEach((index) => bus.restore(index));
        pass(pick(step % 10 === 0 ? 6_000 : 300));
      }
      [0, 1, 2].forEach((index) => bus.restore(index));
      bus.isLost = () => false;
      pass(10_000);
      const inside = [...new Set(at.flatMap((one) => [...one.inside]))].sort();
      expect([seed, ...at.map(({ room }) => room.ids())]).toEqual([seed, inside, inside, inside]);
      expect([seed, at[1]!.room.states(), at[2]!.room.states()]).toEqual([seed, at[0]!.room.states(), at[0]!.room.states()]);
      expect(errors).toEqual([]);
      nodes.forEach((presence) => presence.close());
    }
  });
});
