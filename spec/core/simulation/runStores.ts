import { simulateStores } from './simulateStores.js';

const [first = '1', last = '500', trace] = process.argv.slice(2);
let failures = 0;
const outcomes = new Map<string, number>();
const since = Date.now();
for (let seed = Number(first); seed <= Number(last); seed++) {
  const at = Date.now();
  try {
    for (const [outcome, count] of simulateStores(seed, trace ? (line) => console.log(line) : undefined).outcomes)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
  } catch (error) {
    if (failures++ < 12)
      console.log(
        `seed ${seed}: ${(error as Error).message}`.slice(0, 300),
        trace || !(error instanceof Error) || !/Cannot|undefined/.test(error.message) ? '' : error.stack,
      );
  }
  if (Date.now() - at > 2000) console.log('slow', seed, Date.now() - at);
}
console.log(
  `${failures} failures`,
  Math.round((1000 * (Number(last) - Number(first) + 1)) / (Date.now() - since)),
  'seeds/s',
  Object.fromEntries(outcomes),
);
