import { runHour, SHORT } from './hour/world.js';
import { runBundled } from './runBundled.js';
import { runSeed } from './world.js';

/** What is told of a seed, line by line. */
function storyOf(seed: number): readonly string[] {
  const lines: string[] = [];
  runSeed(seed, (...line) => lines.push(line.join(' ')));
  return lines;
}

describe('stories of whole clients and servers', () => {
  it('finds no fault in 60 seeds', async () => {
    const tally = await runBundled({ base: 1, seeds: 60, jobs: 1, onProgress: () => true, worker: 'worker.ts' });
    expect(tally.failures).toEqual([]);
    expect(tally.seeds).toBe(60);
    expect(Math.min(tally.messages, tally.cuts, tally.crashes)).toBeGreaterThan(30);
  }, 60_000);

  it('runs the same events for a seed each time', () => {
    const story = storyOf(7);
    expect(story.length).toBeGreaterThan(50);
    expect(storyOf(7)).toEqual(story);
  });

  it('runs different events for each seed', () => {
    expect(storyOf(8)).not.toEqual(storyOf(7));
  });
});

describe('simulation of an hour', () => {
  it('handles each message once, or makes it a dead letter, or says that it was dropped', async () => {
    const { failures, messages, ends, ...counts } = await runBundled({
      ...{ base: 1, seeds: 8, jobs: 1, onProgress: () => true },
      worker: 'hour/shortWorker.ts',
    });
    expect(failures).toEqual([]);
    expect(Math.min(ends!.dead, ends!.dropped, counts.cuts)).toBeGreaterThan(5);
    expect(counts.crashes).toBeGreaterThan(0);
    expect(ends!.done + ends!.dead + ends!.dropped).toBe(messages);
  }, 60_000);

  it('runs the same events each time, and different ones for another seed', () => {
    const storyOf = (seed: number): readonly string[] => {
      const lines: string[] = [];
      runHour(seed, SHORT / 5, (...line) => lines.push(line.join(' ')));
      return lines;
    };
    const story = storyOf(7);
    expect(story.length).toBeGreaterThan(50);
    expect(storyOf(7)).toEqual(story);
    expect(storyOf(8)).not.toEqual(story);
  });
});
