/** Runs seeds in a process of its own: from one number to below another; tells its parent what came of them, some at a time. */
import { NOTHING, sum, tallyOf } from './tally.js';
import { runSeed } from './world.js';

/** Seeds between two reports. */
const SOME = 20;

const [from = 0, to = 0] = process.argv.slice(2).map(Number);
let tally = NOTHING;
for (let seed = from; seed < to; seed++) {
  tally = sum(tally, tallyOf(runSeed(seed)));
  if (tally.seeds < SOME && seed < to - 1) continue;
  process.send?.(tally);
  tally = NOTHING;
  // The parent gets it only when this one waits for something.
  await new Promise(setImmediate);
}
process.disconnect();
