/** npm run chaos -- [--rounds N] [--seed S] [--storm ms] [--memory] [--quick]: docs/chaos.md. The last line is JSON. */
import { parseArgs } from 'node:util';
import { BLACK_HOLE, fallIntoBlackHole } from './blackHole.js';
import { drawPlan } from './plan.js';
import { describeFailure, summaryOf, tableOf, totalsOf } from './report.js';
import { runRound, type Outcome } from './round.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    storm: { type: 'string', default: '3000' },
    jobs: { type: 'string', default: '2' },
  },
});
const [rounds, seed, storm, jobs] = [values.rounds, values.seed, values.storm, values.jobs].map(Number) as [number, number, number, number];

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};

async function runRounds(): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const waiting = Array.from({ length: rounds }, (_, index) => seed + index);
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const outcome = await runRound(drawPlan(next, storm));
      outcomes.push(outcome);
      progress(`round ${outcomes.length} of ${rounds}, seed ${next}`);
      if (outcome.failures.length > 0) say(describeFailure(outcome, storm));
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return outcomes;
}

const totals = totalsOf(await runRounds());
const { kills, cuts, blackHoles, refusals, weathers } = totals.done;
progress('black hole');
const { failures, ...blackHole } = await fallIntoBlackHole(BLACK_HOLE);
progress('');
say(
  `\n${rounds} rounds: ${kills} kills, ${cuts} resets, ${blackHoles} black holes, ${refusals} refusals, ${weathers} times late or in pieces\n`,
);
say(`${tableOf(totals)}\n`);
say(`black hole: ${blackHole.messages} messages, first ack ${blackHole.recoveredWithin} ms after its end (limit ${blackHole.limit} ms)`);
for (const failure of failures) say(`✗ black hole: ${failure}`);
if (totals.failures + failures.length > 0) process.exitCode = 1;
say(JSON.stringify({ ...summaryOf(totals), blackHole }));
