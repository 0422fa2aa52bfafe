/**
 * Runs many seeds, or traces one: `npx tsx spec/core/simulation/run.ts memory|stores <first> <last> [trace]`. Of many seeds it prints
 * the failures, and how often each outcome came.
 */
import { simulateCore } from './simulateCore.js';
import { simulateStores } from './simulateStores.js';

const [kind = 'stores', from = '1', to = from, trace] = process.argv.slice(2);
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const simulate = kind === 'memory' ? simulateCore : simulateStores;
const outcomes = new Map<string, number>();
const since = performance.now();
let failures = 0;
for (let seed = Number(from); seed <= Number(to); seed++) {
  const begun = performance.now();
  try {
    for (const [outcome, count] of simulate(seed, trace ? print : undefined).outcomes)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
  } catch (error) {
    failures++;
    print(`seed ${seed}: ${(error as Error).message}`.slice(0, 300));
  }
  if (performance.now() - begun > 3_000) print(`seed ${seed} took ${Math.round(performance.now() - begun)} ms`);
}
const count = Number(to) - Number(from) + 1;
const rate = Math.round((1_000 * count) / (performance.now() - since));
print(`${count} seeds, ${failures} failures, ${rate} seeds a second: ${JSON.stringify(Object.fromEntries(outcomes))}`);
process.exitCode = failures > 0 ? 1 : 0;
