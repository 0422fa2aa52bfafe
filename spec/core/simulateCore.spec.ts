import { simulateCore } from './simulation/simulateCore.js';
import { runTextMutant, type TextMutant } from '../simulation/textMutants.js';
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

const ASYNCHRONOUS = 'codec/asynchronous.ts';
const asyncMutants: readonly TextMutant[] = [
  {
    name: 'a batch of an earlier connection is read',
    ...{ file: ASYNCHRONOUS, from: 'if (session.reader === reader) host', to: 'host' },
  },
  {
    name: 'the result of one call is used for another one',
    ...{ file: ASYNCHRONOUS, from: 'resultOf(messages, first > 0, call, outputs)', to: 'resultOf(results, first > 0, call, outputs)' },
  },
  { name: 'frames behind a batch that is being decoded are lost', ...{ file: ASYNCHRONOUS, from: 'waiting.push(frame);', to: '' } },
  { name: 'frames that wait are read in another order', ...{ file: ASYNCHRONOUS, from: 'waiting.shift()', to: 'waiting.pop()' } },
  { name: 'the answer of a codec wakes no one', ...{ file: ASYNCHRONOUS, from: 'outputs.onAnswer?.();', to: '' } },
];

it.each(asyncMutants)('finds the fault of asynchronous codecs: $name', async (mutant) => {
  const found = await runTextMutant(mutant, { world: '../core/simulation/runCoreSeed.ts', run: 'runCoreSeed' });
  expect(found).toMatchObject({ seed: expect.any(Number) as number });
});
