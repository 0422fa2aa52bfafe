import { createTailEpoch } from '../../lib/nats/tailEpoch.js';

const [OLD, NEW] = ['epoch-0001', 'epoch-0002'];

/** The epoch of some tails, and the number of checks that were requested. */
function tailEpoch() {
  const requested = { checks: 0 };
  return { requested, epoch: createTailEpoch(() => requested.checks++) };
}

describe('the epoch of the tails', () => {
  it('is that of the first entry; an entry of another one requests a check', () => {
    const { requested, epoch } = tailEpoch();
    expect([epoch.of({ epoch: OLD }), epoch.of({ epoch: undefined }), epoch.of({ epoch: NEW })]).toEqual([OLD, OLD, undefined]);
    expect(requested.checks).toBe(1);
    expect([epoch.check()(NEW), epoch.of({ epoch: NEW })]).toEqual([true, NEW]);
  });

  it('includes entries whose writer knew no newer one, after a check', () => {
    const { epoch } = tailEpoch();
    epoch.of({ epoch: NEW });
    epoch.of({ epoch: OLD });
    expect([epoch.check()(NEW), epoch.of({ epoch: OLD })]).toEqual([false, NEW]);
  });

  it('does not include an entry of a newer one that has arrived during a check', () => {
    const { requested, epoch } = tailEpoch();
    epoch.of({ epoch: OLD });
    const result = epoch.check();
    epoch.of({ epoch: NEW });
    expect([result(OLD), epoch.of({ epoch: NEW })]).toEqual([false, undefined]);
    expect(requested.checks).toBe(2);
    expect([epoch.check()(NEW), epoch.of({ epoch: NEW })]).toEqual([true, NEW]);
  });

  it('is checked again when the first entry has arrived during a check, and is of another one', () => {
    const { requested, epoch } = tailEpoch();
    const result = epoch.check();
    epoch.of({ epoch: NEW });
    expect([result(OLD), epoch.of({ epoch: NEW }), requested.checks]).toEqual([false, NEW, 1]);
    expect([epoch.check()(NEW), epoch.of({ epoch: NEW })]).toEqual([false, NEW]);
  });
});
