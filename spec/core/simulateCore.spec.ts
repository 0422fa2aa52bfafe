import { simulateCore } from './simulation/simulateCore.js';
import { mutants } from './simulation/mutants.js';
import { failureUnder, outcomesOf } from './simulation/seeds.js';

/** The seeds of each run: more with CORE_SEEDS. */
const SEEDS = Number(process.env['CORE_SEEDS'] ?? 300);

it(`keeps the promises of each level in ${SEEDS} simulated sessions`, () => {
  // A run without faults would show nothing.
  expect(outcomesOf(simulateCore, SEEDS)).toEqual(
    [
      'acked',
      'closed',
      'dead-lettered',
      'dropped',
      'expired',
      'in-doubt',
      'overflow',
      'refused',
      'sent',
      'undecodable',
      'unsendable',
    ].sort(),
  );
});

it.each(mutants)('finds a core that %s', (_, mutate) => {
  expect(failureUnder(mutate, simulateCore)).toBeDefined();
});
