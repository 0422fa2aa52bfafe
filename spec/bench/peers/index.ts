import { writeFileSync, readFileSync, mkdirSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { cellsOfGoals, cellsOfTable, consoleTable } from './cells.js';
import { draw } from './draw.js';
import { installPeers, PEERS, versions } from './install.js';
import { connects } from './measures/connects.js';
import { fanOut } from './measures/fanOut.js';
import { growth } from './measures/growth.js';
import { idle } from './measures/idle.js';
import { ladder } from './measures/ladder.js';
import type { Measure } from './measures/measure.js';
import { reconnect } from './measures/reconnect.js';
import { roundTrip } from './measures/roundTrip.js';
import { throughput } from './measures/throughput.js';
import { tablesOf } from './page.js';
import { createProgress } from './progress.js';
import type { Machine, Measured, Results } from './results.js';
import { FULL, QUICK } from './settings.js';
import { reasonOf } from './sides.js';

const measures: Readonly<Record<string, Measure>> = {
  throughput,
  roundtrip: roundTrip,
  fanout: fanOut,
  connects,
  idle,
  reconnect,
  growth,
  ladder,
};

export const RESULTS = `${PEERS}/results.json`;
/** Where the results of a smoke run are, which are no figures to show. */
const QUICK_RESULTS = '.tmp/peers.json';

function machine(): Machine {
  const [first] = cpus();
  const gibibytes = Math.round(totalmem() / 1024 ** 3);
  return {
    cpu: first?.model.trim() ?? '',
    cores: cpus().length,
    memory: gibibytes,
    system: `${type()} ${release()}`,
    node: process.version,
  };
}

export const readResults = (): Results => JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;

function known(): Results['measures'] {
  try {
    return readResults().measures;
  } catch {
    return {};
  }
}

/** Measures that were not repeated keep their figures; the duration is that of all together. */
function withKnown(results: Results): Results {
  const all = { ...known(), ...results.measures };
  return { ...results, measures: all, seconds: Object.values(all).reduce((sum, { seconds }) => sum + seconds, 0) };
}

function print({ tables }: Measured): void {
  for (const table of tables) console.log(`\n${consoleTable(cellsOfTable(table))}`);
}

async function measureAll(names: readonly string[], isQuick: boolean): Promise<Results> {
  const start = performance.now();
  const failure = installPeers();
  if (failure !== undefined) process.stderr.write(`peers: ${failure}; rows of these peers are missing\n`);
  const estimates = Object.fromEntries(names.map((name) => [name, measures[name]!.estimate[isQuick ? 1 : 0]]));
  const progress = createProgress(estimates);
  const found: Record<string, Measured & { seconds: number }> = {};
  for (const name of names) {
    const began = performance.now();
    const begin = (steps: number) => {
      progress.begin(name, steps);
      return progress;
    };
    const measured = await measures[name]!.run(isQuick ? QUICK : FULL, begin).catch((error: unknown): Measured => {
      process.stderr.write(`peers: ${name} failed: ${reasonOf(error)}\n`);
      process.exitCode = 1;
      return { tables: [], goals: [] };
    });
    progress.end();
    print(measured);
    found[name] = { ...measured, seconds: secondsSince(began) };
  }
  const goals = cellsOfGoals(Object.values(found));
  if (goals.rows.length > 0) console.log(`\n${consoleTable(goals)}`);
  return {
    date: new Date().toISOString(),
    isQuick,
    seconds: secondsSince(start),
    machine: machine(),
    versions: versions(),
    measures: found,
  };
}

const secondsSince = (start: number): number => Math.round((performance.now() - start) / 1_000);

/** npm run bench -- peers [--quick] [--only throughput,roundtrip,…] [--draw] */
export async function runPeers(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      draw: { type: 'boolean', default: false },
    },
  });
  if (values.draw) {
    draw(readResults());
    return;
  }
  const names = values.only === '' ? Object.keys(measures) : values.only.split(',');
  const unknown = names.find((name) => !measures[name]);
  if (unknown !== undefined) throw new RangeError(`peers: there is no "${unknown}"; there are ${Object.keys(measures).join(', ')}`);
  const results = await measureAll(names, values.quick);
  // What was not measured again stays, so that one measure can be repeated.
  const merged = values.only === '' || values.quick ? results : withKnown(results);
  mkdirSync('.tmp', { recursive: true });
  const file = values.quick ? QUICK_RESULTS : RESULTS;
  writeFileSync(file, await format(JSON.stringify(merged), { ...(await resolveConfig(RESULTS)), parser: 'json' }));
  const missing = tablesOf(results).flatMap(({ rows }) => rows.filter(({ reason }) => reason !== undefined));
  console.log(`\nmeasured in ${results.seconds} s, on Node ${process.version}; rows that were not measured: ${missing.length}`);
  if (!values.quick) draw(merged);
}
