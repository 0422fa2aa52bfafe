import type { Fault, Plan, SidePlan } from './plan.js';

/** A change that leaves something out of a plan. It returns the same plan when there is nothing to leave out. */
export interface Reduction {
  /** What the change leaves out. */
  readonly name: string;
  readonly apply: (plan: Plan) => Plan;
}

/** What is left of the plan of a seed that fails. */
export interface ShrunkPlan {
  readonly plan: Plan;
  /** What the seed fails without. */
  readonly without: readonly string[];
  /** What the seed does not fail without. */
  readonly needs: readonly string[];
}

/** So long that it does not happen, in ms. */
const NEVER = 1e12;
const SIDES = ['client', 'server'] as const;
/** What leaves something out of one side, where it is not left out already. */
const OF_A_SIDE: readonly (readonly [name: string, less: Partial<SidePlan>])[] = [
  ['crashes', { crash: 0 }],
  ['failing handlers', { failing: 0 }],
  ['refused messages', { refusing: 0 }],
  ['messages that cannot be decoded', { poison: 0 }],
  ['messages with a ttl', { expiring: 0 }],
  ['a full outbox', { noRoom: 0 }],
  ['a slow codec', { coding: 0 }],
  ['slow commits', { commit: 0 }],
  ['large payloads', { payload: 10 }],
];

function withoutFaults(name: string, kinds: readonly Fault[], more: Partial<Plan> = {}): Reduction {
  return {
    name,
    apply(plan) {
      const faults = plan.faults.filter((fault) => !kinds.includes(fault));
      const changed = changedBy(plan, more);
      if (faults.length === plan.faults.length) return changed;
      return faults.length > 0 ? { ...changed, faults } : { ...changed, faultEvery: NEVER };
    },
  };
}

function changedBy<T extends object>(before: T, less: Partial<T>): T {
  const keys = Object.keys(less) as (keyof T)[];
  return keys.every((key) => before[key] === less[key]) ? before : { ...before, ...less };
}

const ofSide = (side: 'client' | 'server', less: (before: SidePlan) => Partial<SidePlan>): Reduction['apply'] => {
  return (plan) => {
    const before: SidePlan = plan[side];
    const after = changedBy(before, less(before));
    return after === before ? plan : { ...plan, [side]: { ...plan[side], ...after } };
  };
};

/** From what leaves out most to what leaves out least. */
export const REDUCTIONS: readonly Reduction[] = [
  withoutFaults('several servers', ['bounce', 'freeze'], { owners: 1 }),
  { name: 'failing stores', apply: (plan) => changedBy(plan, { stores: undefined }) },
  { name: 'callbacks that throw', apply: (plan) => changedBy(plan, { throwing: undefined }) },
  { name: 'a client that stands still', apply: (plan) => changedBy(plan, { pauses: undefined }) },
  withoutFaults('dates that step', ['step']),
  withoutFaults('intruders', ['intruder']),
  withoutFaults('two owners of an outbox', ['rival']),
  withoutFaults('a server or client that stops in order', ['stop', 'leave']),
  { name: 'connections that break', apply: (plan) => changedBy(plan, { faultEvery: NEVER }) },
  { name: 'lost and doubled frames', apply: (plan) => ({ ...plan, link: changedBy(plan.link, { isLossy: false }) }) },
  { name: 'refused connections', apply: (plan) => ({ ...plan, link: changedBy(plan.link, { refused: 0 }) }) },
  ...SIDES.flatMap((side) => OF_A_SIDE.map(([name, less]) => ({ name: `${name} (${side})`, apply: ofSide(side, () => less) }))),
  // Often enough to get from the largest plan to one message.
  ...[1, 2, 3, 4, 5, 6].flatMap((time) =>
    SIDES.map((side) => ({ name: `half of the messages (${side}, ${time})`, apply: ofSide(side, halfOf) })),
  ),
];

function halfOf({ bursts, burst, notices }: SidePlan): Partial<SidePlan> {
  const half = (count: number): number => (count > 1 ? Math.floor(count / 2) : count);
  return { bursts: half(bursts), burst: half(burst), notices: half(notices) };
}

/**
 * Leaves out of the plan of a failing seed whatever it fails without.
 *
 * @param plan The plan of the seed.
 * @param fails Runs the seed with another plan. Returns whether it fails for the same reason.
 */
export function shrinkPlan(plan: Plan, fails: (plan: Plan) => boolean): ShrunkPlan {
  const without: string[] = [];
  const needs: string[] = [];
  let smallest = plan;
  for (const { name, apply } of REDUCTIONS) {
    const less = apply(smallest);
    if (JSON.stringify(less) === JSON.stringify(smallest)) continue;
    if (fails(less)) {
      smallest = less;
      without.push(name);
    } else needs.push(name);
  }
  return { plan: smallest, without, needs };
}
