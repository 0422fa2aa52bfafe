import { MembershipCore } from '../../lib/channels/membershipCore.js';
import type { ReaderPosition } from '../../lib/channels/readerPositions.js';
import { createMessage } from '../../lib/message/createMessage.js';

const at = (offset: number, epoch = 'e') => ({ epoch, offset });
const reader = (position?: ReaderPosition['position']): ReaderPosition => ({ position, first: {} });
const message = createMessage('note', 1);
const delivery = (offset: number, after = offset - 1, epoch = 'e') => ({ message, position: at(offset, epoch), after });

/** Returns a core whose readers have joined at an offset. */
function joinedAt(offset: number, ...readers: readonly ReaderPosition[]) {
  const statuses: string[] = [];
  const core = new MembershipCore<ReaderPosition>(({ status }) => statuses.push(status));
  for (const one of readers) core.add(one);
  const joined = { ...core.join(), ...at(offset), member: 'm', complete: true };
  core.answer(joined);
  core.confirm(joined);
  return { core, statuses };
}

describe('the core of a membership', () => {
  it('joins, and again for a reader that is behind', () => {
    const [one, two] = [reader(), reader()];
    const { core, statuses } = joinedAt(4, one, two);
    expect(statuses).toEqual(['joining']);
    const again = { ...core.join(), ...at(4), member: 'm', complete: true };
    expect(core.answer(again)).toEqual(new Map());
    expect(core.confirm(again)).toEqual([one, two]);
    expect(core.state).toEqual({ status: 'joined', member: 'm' });
    expect(statuses).toEqual(['joining', 'recovering', 'joined']);
  });

  it('answers only to its latest request, once', () => {
    const { core } = joinedAt(4, reader());
    const { join } = core.join();
    const answer = { ...at(4), member: 'm', complete: true };
    expect(core.answer({ ...answer, join: join - 1 })).toBeUndefined();
    expect(core.answer({ ...answer, join })).toEqual(new Map());
    core.confirm({ join, member: 'm' });
    expect(core.answer({ ...answer, join })).toBeUndefined();
    expect([core.isOutdated(join, ''), core.isOutdated(join - 1, ''), core.isOutdated(undefined, 'id')]).toEqual([false, true, true]);
  });

  it.each([
    ['left when a gap was reported', (core: MembershipCore<ReaderPosition>) => core.stop({ status: 'left' })],
    ['joins again since', (core: MembershipCore<ReaderPosition>) => core.join()],
  ])('has not joined if it has %s', (_, meanwhile) => {
    const { core } = joinedAt(4, reader());
    const { join } = core.join();
    core.answer({ ...at(9), join, member: 'm', complete: false });
    meanwhile(core);
    expect(core.confirm({ join, member: 'm' })).toEqual([]);
    expect(core.isJoined()).toBe(false);
  });

  it('needs a join for a new reader, unless it has the messages, or a request is pending', () => {
    const { core } = joinedAt(4, reader());
    const known = reader(at(4));
    expect(core.add(known)).toEqual([known]);
    expect([core.add(reader(at(3))), core.add(reader())]).toEqual(['join', 'join']);
    core.join();
    expect(core.add(reader())).toEqual([]);
  });

  it('joins again after a lost session, and after a restart of the server if no request is pending', () => {
    const { core } = joinedAt(4, reader());
    expect([core.mustJoin('lost'), core.mustJoin('restarted')]).toEqual([true, true]);
    core.join();
    expect([core.mustJoin('lost'), core.mustJoin('restarted')]).toEqual([true, false]);
    core.stop({ status: 'left' });
    expect([core.mustJoin('lost'), core.mustJoin('restarted')]).toEqual([false, false]);
  });

  it.each([
    ['the next message', delivery(5), {}, 5],
    ['an ephemeral message', { message, position: undefined, after: -1 }, {}, 4],
    ['a repeat', delivery(4), { receivers: [] }, 4],
    ['a message behind missing ones', delivery(6), { receivers: [], mustJoin: true }, 4],
    ['a message of another epoch', delivery(5, 4, 'f'), { receivers: [], mustJoin: true }, 4],
  ])('applies %s', (_, received, expected, offset) => {
    const { core } = joinedAt(4, reader());
    expect(core.receive(received)).toEqual(expected);
    expect(core.position).toEqual(at(offset));
  });

  it('reports a message that the server cannot send as lost', () => {
    const one = reader();
    const { core } = joinedAt(4, one);
    const gap = { reason: 'undeliverable', after: at(4), next: at(6) };
    expect(core.receive({ ...delivery(5), message: undefined })).toEqual({ receivers: [one], gap, mustJoin: false });
    expect(one).toMatchObject({ position: at(5), hasGap: true });
  });

  it('considers messages lost that three joins have not brought', () => {
    const one = reader();
    const { core } = joinedAt(4, one);
    const effects = [1, 2, 3, 4].map(() => core.receive(delivery(6)));
    expect(effects.map(({ receivers }) => receivers)).toEqual([[], [], [], [one]]);
    expect(effects[3]?.gap).toEqual({ reason: 'undeliverable', after: at(4), next: at(6) });
    expect(one).toMatchObject({ position: at(6), hasGap: true });
  });

  it('joins again for a reader inside the range of a compacted message, which the others get', () => {
    const one = reader();
    const { core } = joinedAt(4, one);
    const inside = reader(at(6));
    core.add(inside);
    expect(core.receive(delivery(9, 4))).toEqual({ receivers: [one], gap: undefined, mustJoin: true });
    expect(inside.position).toEqual(at(6));
  });
});
