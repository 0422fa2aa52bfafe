import { runBundled } from '../runBundled.js';
import { runTextMutant } from '../textMutants.js';
import { tabsMutants } from './mutants.js';
import { runTabs } from './world.js';

describe('tabs with one connection', () => {
  it('lose, double and reorder nothing in 300 seeds, and have one socket at the end', async () => {
    const { failures, ...counts } = await runBundled({ base: 1, seeds: 300, jobs: 1, onProgress: () => true, worker: 'tabs/worker.ts' });
    expect(failures).toEqual([]);
    expect(counts.seeds).toBe(300);
    expect(Math.min(counts.cuts, counts.crashes)).toBeGreaterThan(300);
  }, 60_000);

  it('run the same events for a seed each time', () => {
    const storyOf = (seed: number): readonly string[] => {
      const lines: string[] = [];
      runTabs(seed, (...line) => lines.push(line.join(' ')));
      return lines;
    };
    expect(storyOf(7)).toEqual(storyOf(7));
    expect(storyOf(8)).not.toEqual(storyOf(7));
  });

  it.each(tabsMutants)(
    'find the fault: $name',
    async (mutant) => {
      expect(await runTextMutant(mutant, { world: 'tabs/world.ts', run: 'runTabs' })).toMatchObject({ seed: expect.any(Number) as number });
    },
    60_000,
  );
});
