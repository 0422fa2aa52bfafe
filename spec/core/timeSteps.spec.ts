import { Keepalive } from '../../lib/core/keepalive.js';
import { endOf } from '../../lib/core/timeSteps.js';

it('lets long delays end at a common moment, and short ones at their own', () => {
  expect([endOf(999, 1), endOf(1_000, 1), endOf(2_000, 0), endOf(Infinity, 7)]).toEqual([1_000, 1_125, 2_000, Infinity]);
});

it('the time of a check is that at which it runs: what is due before that, as an ack, does not wait for it', () => {
  const keepalive = new Keepalive();
  keepalive.begin(15_000, 1);
  expect(keepalive.checkAt).toBe(7_625);
});
