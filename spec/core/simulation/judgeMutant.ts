import type { Outcome } from '../../simulation/world.js';
import { mutants } from './mutants.js';
import { failureUnder } from './seeds.js';
import { simulateCore } from './simulateCore.js';
import { simulateStores } from './simulateStores.js';
import { storeMutants } from './storeMutants.js';

/** The seeds that a mutant may survive. */
const MOST_SEEDS = 3_000;

/** All mutants of the core, with the simulation that must find each. */
export const allMutants = [
  ...mutants.map(([name, mutate]) => ({ name, mutate, simulate: simulateCore })),
  ...storeMutants.map(([name, mutate]) => ({ name, mutate, simulate: simulateStores })),
];

/** Runs seeds under one mutant, by its place in the list. It fails if no seed finds the mutant. */
export function judgeMutant(place: number): Outcome {
  const { name, mutate, simulate } = allMutants[place]!;
  const found = failureUnder(mutate, simulate, MOST_SEEDS);
  const violation = found === undefined ? ({ invariant: 'mutant', detail: name } as const) : undefined;
  return { seed: place, violation, messages: 0, cuts: 0, crashes: 0, found: found === undefined ? [] : [{ name, by: found }] };
}
