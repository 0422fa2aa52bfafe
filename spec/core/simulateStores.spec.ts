import { failureUnder, outcomesOf } from './simulation/seeds.js';
import { simulateStores } from './simulation/simulateStores.js';
import { storeMutants } from './simulation/storeMutants.js';

/** The seeds of each run: more with STORE_SEEDS. */
const SEEDS = Number(process.env['STORE_SEEDS'] ?? 150);

it(`keeps the promises of each level in ${SEEDS} simulated sessions with stores`, () => {
  // A run without faults would show nothing.
  expect(outcomesOf(simulateStores, SEEDS)).toEqual([
    'acked',
    'closed',
    'dead-lettered',
    'expired',
    'in-doubt',
    'quota',
    'refused',
    'unsendable',
  ]);
});

it.each(storeMutants)('finds stores whose session %s', (_, mutate) => {
  expect(failureUnder(mutate, simulateStores)).toBeDefined();
});
