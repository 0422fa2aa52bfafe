import { readFileSync } from 'node:fs';
import { HOUR_MUTANTS } from './hour/mutants.js';
import { runHour, SHORT } from './hour/world.js';
import { HOUR, judge, runBundled } from './mutation.js';
import { MUTANTS, RETURNING_MUTANTS } from './mutants/index.js';
import { runSeed } from './world.js';

/** What is told of a seed, line by line. */
function storyOf(seed: number): readonly string[] {
  const lines: string[] = [];
  runSeed(seed, (...line) => lines.push(line.join(' ')));
  return lines;
}

describe('simulation', () => {
  it('finds no fault in 150 seeds', async () => {
    const tally = await runBundled('none', [], { base: 1, seeds: 150, jobs: 1, onProgress: () => true });
    expect(tally.failures).toEqual([]);
    expect(tally.seeds).toBe(150);
    expect(Math.min(tally.messages, tally.cuts, tally.crashes)).toBeGreaterThan(100);
    const { seeds, sends } = tally.hibernation!;
    expect(sends / seeds).toBeGreaterThan(15);
  }, 60_000);

  it.each(['ack on receive', 'effect before cursor'])(
    'finds a deliberate fault: %s',
    async (name) => {
      const mutant = MUTANTS.find((one) => one.name === name)!;
      const { caughtBy } = await judge(mutant, 100);
      expect(caughtBy).toBeDefined();
    },
    60_000,
  );

  it.each([...MUTANTS, ...RETURNING_MUTANTS, ...HOUR_MUTANTS])('has a place for the deliberate fault: $name', ({ file, find }) => {
    expect(readFileSync(file, 'utf8').split(find)).toHaveLength(2);
  });

  it.each([...MUTANTS, ...RETURNING_MUTANTS, ...HOUR_MUTANTS])(
    'has a row in docs/simulation.md for the deliberate fault: $name',
    ({ name, why }) => {
      expect(readFileSync('docs/simulation.md', 'utf8')).toContain(`\n| ${name} | ${why} | `);
    },
  );

  it('cannot put a fault where its place is not', async () => {
    const [mutant] = MUTANTS;
    await expect(judge({ ...mutant!, find: 'nowhere to be found' })).rejects.toThrow('has 0 places like this: nowhere to be found');
  });

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
    const { failures, messages, ends, ...counts } = await runBundled('some minutes', [], {
      ...{ base: 1, seeds: 8, jobs: 1, onProgress: () => true },
      worker: HOUR.worker,
    });
    expect(failures).toEqual([]);
    expect(Math.min(ends!.dead, ends!.dropped, counts.cuts, counts.crashes)).toBeGreaterThan(5);
    expect(ends!.done + ends!.dead + ends!.dropped).toBe(messages);
  }, 60_000);

  it.each(['a letter with another reason'])(
    'finds a deliberate fault: %s',
    async (name) => {
      const mutant = HOUR_MUTANTS.find((one) => one.name === name)!;
      const { caughtBy } = await judge(mutant, 20, HOUR);
      expect(caughtBy).toBeDefined();
    },
    60_000,
  );

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
