import type { SimulationEvent } from './simulationWorld.js';

/** One run of one seed. */
export interface SimulationRun {
  readonly events: readonly SimulationEvent[];
  readonly failure: { readonly cause: unknown } | undefined;
}

/** Runs for shrinking one seed. */
const MAX_RUNS = 300;

/**
 * Leaves events of a failed run out while it still fails: first halves of them, then quarters, down
 * to one by one. The result has no event that could be left out alone, unless this takes too many
 * runs.
 *
 * @param run Runs the seed without the events for which the function returns true.
 */
export function shrink(failed: SimulationRun, run: (isLeftOut: (id: string) => boolean) => SimulationRun): SimulationRun {
  const all = new Set(failed.events.map(({ id }) => id));
  let best = failed;
  let runs = 0;
  const fails = (kept: readonly SimulationEvent[]): boolean => {
    if (++runs > MAX_RUNS) return false;
    const ids = new Set(kept.map(({ id }) => id));
    // An event that only this run has is one of those that were decided later: it may happen.
    const result = run((id) => all.has(id) && !ids.has(id));
    if (!result.failure) return false;
    for (const { id } of result.events) all.add(id);
    best = result;
    return true;
  };
  for (let size = Math.ceil(failed.events.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.events.length;) {
      const kept = best.events.filter((_, index) => index < at || index >= at + size);
      if (!fails(kept)) at += size;
    }
  }
  return best;
}
