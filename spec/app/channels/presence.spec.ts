import { createMemberList } from '../../../lib/app/channels/memberList.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { record } from '../../support/record.js';
import { rooms, turn } from '../../support/rooms.js';

const member = (id: string) => ({ id });
const [a, b, c] = [member('a'), member('b'), member('c')];

describe('presence$', () => {
  let town: ReturnType<typeof rooms>;
  const open = (...options: Parameters<typeof rooms>) => (town = rooms(...options));
  afterEach(() => town.close());

  let names: string[] = [];
  const identify = () => ({ id: names.shift() ?? 'nobody' });

  it('tells who is in, and who comes and goes', async () => {
    names = ['a', 'b'];
    open({ identify });
    const first = await town.member('room.1');
    const presence = record(first.room.presence$);
    await presence.take(1);
    const second = await town.member('room.1');
    await presence.take(2);
    second.messages.subscription.unsubscribe();
    expect(await presence.take(3)).toEqual([
      { members: [a], entered: [a], left: [] },
      { members: [a, b], entered: [b], left: [] },
      { members: [a], entered: [], left: [b] },
    ]);
  });

  it('is joining, too, and tells who comes later what is known already', async () => {
    names = ['a'];
    open({ identify });
    const wire = town.client();
    const { room } = await town.member('room.1', {}, wire);
    const [first, second] = [record(room.presence$), record(room.presence$)];
    await second.take(1);
    expect((await record(room.presence$).take(1))[0]).toEqual({ members: [a], entered: [], left: [] });
    expect(first.values).toEqual(second.values);
    expect(town.heard).toEqual(['channel.join', 'channel.watch']);
  });

  it('costs those nothing who do not watch', async () => {
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
    expect((await presence.take(3))[2]).toEqual({ members: [], entered: [], left: [member('ann')] });
  });

  it('says what has changed after a lost session', async () => {
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
    expect((await presence.take(3))[2]).toEqual({ members: [a], entered: [], left: [b] });
  });

  it('asks for the list again when something was missed', async () => {
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

describe('a roster', () => {
  const change = (entered: readonly { id: string }[], left: string[] = [], more = {}) => ({ channel: 'x', entered, left, ...more });

  it('takes a list that comes in pieces for one', () => {
    const roster = createMemberList();
    const seen = record(roster.changes$);
    roster.apply(change([a], [], { reset: true, more: true }));
    roster.apply(change([b], [], { reset: true }));
    expect(seen.values).toEqual([{ members: [a, b], entered: [a, b], left: [] }]);
  });

  it('tells of a change only what is news', () => {
    const roster = createMemberList();
    roster.apply(change([a, b], [], { reset: true }));
    const seen = record(roster.changes$);
    roster.apply(change([a]));
    roster.apply(change([], ['c']));
    roster.apply(change([c], ['b']));
    expect(seen.values).toEqual([{ members: [a, c], entered: [c], left: [b] }]);
  });

  it('knows nothing before there is a list', () => {
    const roster = createMemberList();
    const seen = record(roster.changes$);
    roster.apply(change([a]));
    expect([seen.values, roster.snapshot()]).toEqual([[], undefined]);
  });
});
