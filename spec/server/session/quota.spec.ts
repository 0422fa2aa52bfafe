import { VirtualTimeScheduler } from 'rxjs';
import { createQuota, type QuotaUser } from '../../../lib/server/session/quota.js';

describe('the quota of wires that wait for their clients', () => {
  it('forgets a client that it evicts at once', () => {
    const quota = createQuota({ maxDetached: 0, maxPerPrincipal: 10, maxDetachedPerPrincipal: 1, scheduler: new VirtualTimeScheduler() });
    const evicted: string[] = [];
    const user = (name: string): QuotaUser => ({
      owner: 'ada',
      group: 'principal ada',
      goneAt: 0,
      end() {
        evicted.push(name);
        quota.onAttached(this);
      },
    });
    quota.onDetached(user('first'));
    quota.onDetached(user('second'));
    expect(evicted).toEqual(['first', 'second']);
  });
});
