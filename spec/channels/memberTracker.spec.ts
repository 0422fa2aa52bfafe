import { createMemberTracker, isEmpty } from '../../lib/channels/memberTracker.js';

const a = { id: 'a' };

describe('a member tracker', () => {
  it('returns the changes since the last ones: a member that leaves and joins again has lost its state only', () => {
    let changes = 0;
    const tracker = createMemberTracker(() => changes++);
    tracker.add(a);
    tracker.update('a', 1);
    expect(tracker.takeChanges().all).toEqual({ entered: [{ ...a, state: 1 }], left: [], updated: [] });
    tracker.remove(a);
    tracker.add(a);
    tracker.update('nobody', 1);
    expect(tracker.takeChanges().all).toEqual({ entered: [], left: [], updated: [a] });
    tracker.update('a', 2);
    tracker.remove(a);
    expect(tracker.takeChanges().all).toEqual({ entered: [], left: [{ ...a, state: 2 }], updated: [] });
    expect(tracker.members()).toEqual([]);
    expect(changes).toBe(7);
    expect(isEmpty(tracker.takeChanges().all)).toBe(true);
  });

  it('tells other nodes only of its own members, and each member once, however many wires it has', () => {
    const tracker = createMemberTracker(() => undefined);
    tracker.add(a);
    tracker.add(a);
    tracker.apply({ entered: [{ id: 'b' }], left: [], updated: [] });
    const { all, own } = tracker.takeChanges();
    expect([all.entered, own.entered]).toEqual([[a, { id: 'b' }], [a]]);
    tracker.remove(a);
    expect(isEmpty(tracker.takeChanges().all)).toBe(true);
    tracker.remove(a);
    expect(tracker.takeChanges().own.left).toEqual([a]);
  });
});
