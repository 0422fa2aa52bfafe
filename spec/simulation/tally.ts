import type { Ends, FoundMutant, Outcome, Violation } from './world.js';

/** A seed in which an invariant did not hold. */
export interface Failure extends Violation {
  readonly seed: number;
}

/** What came of many seeds. */
export interface Tally {
  readonly seeds: number;
  readonly failures: readonly Failure[];
  readonly messages: number;
  readonly cuts: number;
  readonly crashes: number;
  /** The processor time that it took, in µs. */
  readonly cpu: number;
  readonly ends?: Ends | undefined;
  readonly outcomes?: Readonly<Record<string, number>> | undefined;
  readonly found?: readonly FoundMutant[] | undefined;
}

export const NOTHING: Tally = { seeds: 0, failures: [], messages: 0, cuts: 0, crashes: 0, cpu: 0 };

export function tallyOf({ seed, violation, ...counts }: Outcome): Tally {
  return { seeds: 1, failures: violation ? [{ seed, ...violation }] : [], cpu: 0, ...counts };
}

export function sum(a: Tally, b: Tally): Tally {
  return {
    seeds: a.seeds + b.seeds,
    failures: [...a.failures, ...b.failures],
    messages: a.messages + b.messages,
    cuts: a.cuts + b.cuts,
    crashes: a.crashes + b.crashes,
    cpu: a.cpu + b.cpu,
    ends: a.ends && b.ends ? sumOf(a.ends, b.ends) : (a.ends ?? b.ends),
    outcomes: sumOf(a.outcomes ?? {}, b.outcomes ?? {}),
    found: [...(a.found ?? []), ...(b.found ?? [])],
  };
}

function sumOf<T extends Readonly<Record<string, number>>>(a: T, b: T): T {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...keys].map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)])) as T;
}
