import type { MemoryPlan } from './run.js';

const MILLION = 1_000_000;

/** @param share How much of it: 1 is a million messages each. */
export function memoryPlans(share: number): readonly MemoryPlan[] {
  const messages = Math.round(MILLION * share);
  const every = Math.max(100, 1_000 * share);
  return [
    { title: 'a peer that reads nothing for a while', messages, produced: 12_500, stall: 60_000 * share, every },
    { title: 'a consumer that is ten times slower', messages, produced: 100_000, consumed: 10_000, every },
  ];
}
