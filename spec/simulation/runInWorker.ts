import { NOTHING, sum, tallyOf } from './tally.js';
import type { Outcome } from './world.js';

/** @param some Seeds between two reports. */
export async function runInWorker(run: (seed: number) => Outcome, some: number): Promise<void> {
  const [from = 0, to = 0] = process.argv.slice(2).map(Number);
  let tally = NOTHING;
  for (let seed = from; seed < to; seed++) {
    tally = sum(tally, tallyOf(run(seed)));
    if (tally.seeds < some && seed < to - 1) continue;
    process.send?.(tally);
    tally = NOTHING;
    // The parent gets it only when this one waits for something.
    await new Promise(setImmediate);
  }
  process.disconnect();
}
