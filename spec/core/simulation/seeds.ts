interface Run {
  /** How often each outcome came. */
  readonly outcomes: ReadonlyMap<string, number>;
}
type Simulate = (seed: number) => Run;

/** Runs the seeds from 1 on. Returns the outcomes that came, sorted. Throws with the seed when a promise is broken. */
export function outcomesOf(simulate: Simulate, seeds: number): readonly string[] {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      for (const outcome of simulate(seed).outcomes.keys()) outcomes.add(outcome);
    } catch (cause) {
      throw new Error(`seed ${seed}: ${(cause as Error).message}`, { cause });
    }
  }
  return [...outcomes].sort();
}

/** Returns the failure of the first seed that fails under a mutant; undefined if none does. */
export function failureUnder(mutate: () => () => void, simulate: Simulate, seeds = 400): string | undefined {
  const restore = mutate();
  try {
    outcomesOf(simulate, seeds);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    restore();
  }
}
