import { runBundled } from '../runBundled.js';
import { runTextMutant } from '../textMutants.js';
import { channelsMutants } from './mutants.js';
import { runChannels } from './world.js';

describe('channels with messages that not every member can receive', () => {
  it('stop nobody in 100 seeds: each member gets all else in order, and one gap for each', async () => {
    const { failures, ...counts } = await runBundled({
      base: 1,
      seeds: 100,
      jobs: 1,
      onProgress: () => true,
      worker: 'channels/worker.ts',
    });
    expect(failures).toEqual([]);
    expect(counts.seeds).toBe(100);
    expect(Math.min(counts.messages, counts.cuts, counts.crashes)).toBeGreaterThan(40);
  }, 60_000);

  it('run the same events for a seed each time', async () => {
    const storyOf = async (seed: number): Promise<readonly string[]> => {
      const lines: string[] = [];
      // The ids of the messages of the protocol are random.
      await runChannels(seed, (...line) => lines.push(line.join(' ').replaceAll(/[\w-]{21}/g, 'id')));
      return lines;
    };
    expect(await storyOf(7)).toEqual(await storyOf(7));
    expect(await storyOf(8)).not.toEqual(await storyOf(7));
  });

  it.each(channelsMutants)(
    'find the fault: $name',
    async (mutant) => {
      expect(await runTextMutant(mutant, { world: 'channels/world.ts', run: 'runChannels' })).toMatchObject({
        seed: expect.any(Number) as number,
      });
    },
    120_000,
  );
});
