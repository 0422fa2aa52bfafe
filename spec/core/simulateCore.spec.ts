import { simulateCore } from './simulation/simulateCore.js';
import { mutants } from './simulation/mutants.js';

/** The seeds of each run: more with CORE_SEEDS. */
const SEEDS = Number(process.env['CORE_SEEDS'] ?? 300);

it(`keeps the promises of each level in ${SEEDS} simulated sessions`, () => {
  const outcomes = new Map<string, number>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      for (const [outcome, count] of simulateCore(seed).outcomes) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
    } catch (cause) {
      throw new Error(`seed ${seed}: ${(cause as Error).message}`, { cause });
    }
  }
  // A run without faults would show nothing.
  expect([...outcomes.keys()].sort()).toEqual(
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
  const restore = mutate();
  try {
    expect(firstFailure()).toBeDefined();
  } finally {
    restore();
  }
});

function firstFailure(): string | undefined {
  for (let seed = 1; seed <= 400; seed++) {
    try {
      simulateCore(seed);
    } catch (error) {
      return `seed ${seed}: ${(error as Error).message}`;
    }
  }
  return undefined;
}
