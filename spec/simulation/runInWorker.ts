import { NOTHING, sum, tallyOf } from './tally.js';
import type { Outcome } from './world.js';

/** @param some Seeds between two reports. */
export async function runInWorker(run: (seed: number) => Outcome | Promise<Outcome>, some: number): Promise<void> {
  const [from = 0, to = 0] = process.argv.slice(2).map(Number);
  let tally = NOTHING;
  let since = process.cpuUsage();
  for (let seed = from; seed < to; seed++) {
    tally = sum(tally, tallyOf(await run(seed)));
    if (tally.seeds < some && seed < to - 1) continue;
    const { user, system } = process.cpuUsage(since);
    process.send?.({ ...tally, cpu: user + system });
    tally = NOTHING;
    since = process.cpuUsage();
    // The parent gets it only when this one waits for something.
    await new Promise(setImmediate);
  }
  process.disconnect();
}
