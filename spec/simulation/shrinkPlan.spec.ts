import { createChance, createStreams } from './chance.js';
import { drawPlan, type Plan } from './plan.js';
import { REDUCTIONS, shrinkPlan } from './shrinkPlan.js';
import { runSeed } from './world.js';

const planOf = (seed: number): Plan => drawPlan(createChance(seed), createStreams(seed), false);
const seeds = Array.from({ length: 100 }, (_, index) => index + 1);

describe('shrinkPlan', () => {
  it.each(seeds)('leaves out all that seed %i fails without, and nothing else', (seed) => {
    const drawn = planOf(seed);
    const plan: Plan = { ...drawn, throwing: 0.5, faultEvery: 500, client: { ...drawn.client, bursts: 8 } };
    const { plan: smallest, without, needs } = shrinkPlan(plan, ({ client, throwing }) => throwing === 0.5 && client.bursts >= 2);
    expect(smallest).toMatchObject({ throwing: 0.5, owners: 1, stores: undefined, link: { isLossy: false, refused: 0 } });
    expect(smallest.client).toMatchObject({ crash: 0, failing: 0, poison: 0 });
    expect(smallest.client.bursts).toBe(2);
    expect(needs).toContain('callbacks that throw');
    expect(needs).not.toContain('connections that break');
    expect(without).toContain('connections that break');
  });

  it('returns the same plan when each part is needed', () => {
    const plan = planOf(1);
    expect(shrinkPlan(plan, () => false)).toMatchObject({ plan, without: [] });
  });

  it('has a name for each reduction', () => {
    const names = REDUCTIONS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('makes plans that run: the smallest plan of a seed finds no fault', () => {
    const smallest = shrinkPlan(planOf(2), () => true).plan;
    const outcome = runSeed(2, undefined, { hasStrangers: false, change: () => smallest });
    expect(outcome.violation).toBeUndefined();
    expect(outcome.messages).toBeGreaterThan(0);
    expect(outcome.messages).toBeLessThan(runSeed(2).messages);
  });
});
