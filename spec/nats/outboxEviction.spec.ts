import fc from 'fast-check';
import { evictedOf } from '../../lib/nats/outboxEviction.js';
import type { SubjectUsage } from '../../lib/nats/subjectStream.js';

const usageOf = (subjects: readonly SubjectUsage[], maxBytes: number) => ({
  bytes: subjects.reduce((sum, { bytes }) => sum + bytes, 0),
  maxBytes,
  subjects,
});
const subject = (name: string, group: string, bytes: number, at: number): SubjectUsage => ({ name, group, bytes, at });

describe('the outboxes that a full store empties', () => {
  it('are none while an eighth is free', () => {
    expect(evictedOf(usageOf([subject('a', 'ann', 700, 1)], 800))).toEqual([]);
  });

  it('are those of the group with most bytes, in the order of their last entries', () => {
    const subjects = [subject('a', 'ann', 200, 1), subject('b', 'ben', 300, 3), subject('c', 'ben', 300, 2), subject('d', 'ben', 0, 0)];
    expect(evictedOf(usageOf(subjects, 800))).toEqual(['c']);
  });

  it('leave no group with less than the largest one has, and no more than seven eighths', () => {
    const some = fc.record({ group: fc.constantFrom('ann', 'ben', 'cid'), bytes: fc.nat(100), at: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 20 }), fc.integer({ min: 100, max: 1_000 }), (all, maxBytes) => {
        const subjects = all.map(({ group, bytes, at }, index) => subject(`${index}`, group, bytes, at));
        const usage = usageOf(subjects, maxBytes);
        const names = evictedOf(usage);
        const sizes = new Map<string, number>();
        for (const { group, bytes } of subjects) sizes.set(group, (sizes.get(group) ?? 0) + bytes);
        let left = usage.bytes;
        for (const name of names) {
          const { group, bytes } = subjects[Number(name)]!;
          expect([sizes.get(group), left > (maxBytes * 7) / 8]).toEqual([Math.max(...sizes.values()), true]);
          sizes.set(group, sizes.get(group)! - bytes);
          left -= bytes;
        }
        expect(left).toBeLessThanOrEqual((maxBytes * 7) / 8);
      }),
    );
  });
});
