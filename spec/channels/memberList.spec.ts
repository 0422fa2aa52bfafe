import { createMemberList, type Presence } from '../../lib/channels/memberList.js';

const [a, b, c] = [{ id: 'a' }, { id: 'b' }, { id: 'c' }];
const change = (entered: readonly { id: string }[], left: string[] = [], more = {}) => ({ entered, left, ...more });
const presenceOf = (presence: Partial<Presence>): Presence => ({
  ...{ members: [], others: [], entered: [], left: [], updated: [] },
  ...presence,
});

describe('a member list', () => {
  it('combines the pages of a list', () => {
    const list = createMemberList(() => 'b');
    expect(list.apply(change([a], [], { reset: true, more: true }))).toBeUndefined();
    expect(list.apply(change([b], [], { reset: true }))).toEqual(presenceOf({ members: [a, b], others: [a], entered: [a, b] }));
  });

  it('returns only the changed members', () => {
    const list = createMemberList(() => undefined);
    list.apply(change([a, b], [], { reset: true }));
    expect(list.all()).toEqual(presenceOf({ members: [a, b], others: [a, b] }));
    expect(list.apply(change([a]))).toBeUndefined();
    expect(list.apply(change([], ['c']))).toBeUndefined();
    expect(list.apply(change([c], ['b']))).toEqual(presenceOf({ members: [a, c], others: [a, c], entered: [c], left: [b] }));
  });

  it('knows nothing before there is a list, and after a reset', () => {
    const list = createMemberList(() => undefined);
    expect([list.apply(change([a])), list.all()]).toEqual([undefined, undefined]);
    list.apply(change([a], [], { reset: true }));
    list.reset();
    expect(list.all()).toBeUndefined();
  });
});
