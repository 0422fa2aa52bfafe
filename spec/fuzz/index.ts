/**
 * npm run fuzz -- [--cases 1000] [--mutations 10000] [--seed 1] [--only msgpack]: random batches through every codec and every composition of them,
 * and frames that were good once.
 *
 * npm run fuzz -- --server [--mutations 10000] [--seed 1] [--from 0]: a server, and clients of which something is wrong with what they send.
 *
 * The last line is JSON; the exit code is 1 when anything failed.
 */
import { parseArgs } from 'node:util';
import { compositions, refusing } from './compositions.js';
import { differences, mutate, roundTrips } from './fuzz.js';
import { siege } from './server/siege.js';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '1000' },
    mutations: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    server: { type: 'boolean', default: false },
    from: { type: 'string', default: '0' },
  },
});
const [cases, count, seed, from] = [values.cases, values.mutations, values.seed, values.from].map(Number) as [
  number,
  number,
  number,
  number,
];

async function fuzzCodecs(): Promise<number> {
  const chosen = compositions.filter(({ name }) => name.includes(values.only));
  let failures = 0;
  for (const composition of chosen) {
    const lost = [...roundTrips(composition, cases, seed), ...differences(composition, cases, seed)];
    const { faults, accepted, refused, slowest, grown } = await mutate(composition, count, seed);
    const figures = `${cases} cases; ${accepted} mutations read, ${refused} refused, ${slowest.toFixed(1)} ms at most, ${grown.toFixed(1)} MiB more`;
    console.log(`${composition.name.padEnd(24)} ${figures}`);
    for (const fault of [...lost, ...faults]) console.error(fault);
    failures += lost.length + faults.length;
  }
  for (const composition of refusing.filter(({ name }) => name.includes(values.only))) {
    const found = differences(composition, cases, seed);
    console.log(`${composition.name.padEnd(48)} ${cases} cases`);
    for (const fault of found) console.error(fault);
    failures += found.length;
  }
  console.log(JSON.stringify({ codecs: chosen.length, cases, mutations: count, seed, failures }));
  return failures;
}

async function fuzzServer(): Promise<number> {
  const { faults, ...figures } = await siege({ count, seed, from });
  for (const fault of faults) console.error(fault);
  console.log(JSON.stringify({ server: count, seed, from, ...figures, failures: faults.length }));
  return faults.length;
}

if ((await (values.server ? fuzzServer() : fuzzCodecs())) > 0) process.exitCode = 1;
