/**
 * npm run fuzz -- [--cases 1000] [--mutations 10000] [--seed 1] [--only msgpack]: random batches through every codec and every composition of them,
 * and frames that were good once.
 *
 * npm run fuzz -- --server [--mutations 10000] [--seed 1] [--from 0]: a server, and clients of which something is wrong with what they send.
 *
 * npm run fuzz -- --app [--seconds 60] [--seed 1] [--only history] [--repeats 0] [--hard]: the server of an application with channels in LMDB, one hostile client
 * after the other, and a neighbour. Prints for each attack: the longest time for which the event loop stood still, the growth of the memory, and the
 * rate of the neighbour compared with its rate without the attack. With --repeats, for a machine that does other work, too, an attack that broke a limit
 * is repeated so often before it counts; a crash, the memory, and an event loop that is blocked for 1 s count at once. Below 36 s, the seed chooses the attacks. With
 * --hard, only a crash, the memory and an event loop that is blocked for 1 s fail the run: the other limits are printed.
 *
 * The last line is JSON; the exit code is 1 when anything failed.
 */
import { parseArgs } from 'node:util';
import { compositions, refusing } from './compositions.js';
import { differences, mutate, roundTrips } from './fuzz.js';
import { attackApp } from './app/attackApp.js';
import { siege } from './server/siege.js';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '1000' },
    mutations: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    server: { type: 'boolean', default: false },
    from: { type: 'string', default: '0' },
    app: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
    repeats: { type: 'string', default: '0' },
    hard: { type: 'boolean', default: false },
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

async function fuzzApp(): Promise<number> {
  const { only, repeats, seconds, hard } = values;
  const { faults, hardFaults, results } = await attackApp({ seconds: Number(seconds), seed, only, repeats: Number(repeats) });
  for (const { name, messages, stall, blocked, grown, kept, latency } of results)
    console.log(
      `${name.padEnd(40)} ${messages} messages, ${stall} ms of CPU (${blocked} ms), ${grown} MiB more, ${kept} of the rate, 99 % within ${latency} ms`,
    );
  for (const fault of faults) console.error(fault);
  const failures = hard ? hardFaults.length : faults.length;
  console.log(JSON.stringify({ attacks: results.length, seconds: Number(seconds), seed, missed: faults.length, failures }));
  return failures;
}

if ((await (values.app ? fuzzApp() : values.server ? fuzzServer() : fuzzCodecs())) > 0) process.exitCode = 1;
