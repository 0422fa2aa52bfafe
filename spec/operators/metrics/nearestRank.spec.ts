import { nearestRank } from '../../../lib/operators/metrics/nearestRank.js';

describe('nearestRank', () => {
  it.each([
    [1, [0, 0, 0, 0, 0]],
    [2, [0, 0, 1, 1, 1]],
    [10, [0, 4, 9, 9, 9]],
    [50, [0, 24, 47, 49, 49]],
    [99, [0, 49, 94, 98, 98]],
    [100, [0, 49, 94, 98, 99]],
  ])('of %d values', (count, expected) => {
    expect([0, 0.5, 0.95, 0.99, 1].map((share) => nearestRank(share, count))).toEqual(expected);
  });
});
