import type { Delivery } from '../../lib/index.js';
import type { BlackHoleResult } from './blackHole.js';
import { nothingDone, type Done } from './faults.js';
import { LEVELS } from './journal.js';
import type { Tally } from './reconcile.js';
import type { Outcome } from './round.js';

/** What came of all rounds. */
export interface Totals {
  readonly rounds: number;
  /** Rounds in which something is wrong. */
  readonly failures: number;
  readonly done: Done;
  readonly tallies: Readonly<Record<Delivery, Tally>>;
}

const NONE: Tally = { messages: 0, acked: 0, effects: 0, lost: 0, doubled: 0, reordered: 0 };

export function totalsOf(outcomes: readonly Outcome[]): Totals {
  const tallies = LEVELS.map(
    (level) =>
      [
        level,
        sum(
          NONE,
          outcomes.flatMap((outcome) => outcome.tallies.map((one) => one[level])),
        ),
      ] as const,
  );
  return {
    rounds: outcomes.length,
    failures: outcomes.filter(({ failures }) => failures.length > 0).length,
    done: sum(
      nothingDone(),
      outcomes.map(({ done }) => done),
    ),
    tallies: Object.fromEntries(tallies) as Totals['tallies'],
  };
}

function sum<T extends Done | Tally>(zero: T, all: readonly T[]): T {
  const keys = Object.keys(zero) as (keyof T)[];
  return Object.fromEntries(keys.map((key) => [key, all.reduce((total, one) => total + (one[key] as number), 0)])) as unknown as T;
}

/** What was done, and a table of what came of it. */
export function describeTotals({ rounds, failures, done, tallies }: Totals): string {
  const { kills, cuts, blackHoles, refusals, weathers, bounces, freezes, drains, brokerKills } = done;
  const columns = Object.keys(NONE) as (keyof Tally)[];
  const rows = [
    ['', ...columns],
    ...LEVELS.map((level) => [level, ...columns.map((column) => tallies[level][column].toLocaleString('en'))]),
  ];
  return [
    `${rounds} rounds, ${failures} with something wrong: ${kills} kills, ${cuts} resets, ${blackHoles} black holes, ${refusals} refusals,`,
    `${weathers} times late, in pieces or standing still, ${bounces} times to another server, ${freezes} servers stopped and continued,`,
    `${drains} servers drained, ${brokerKills} servers of NATS killed`,
    '',
    ...rows.map(([first = '', ...cells]) => first.padEnd(15) + cells.map((cell) => cell.padStart(11)).join('')),
    '',
  ].join('\n');
}

export function describeBlackHole({ messages, lost, doubled, reordered, recoveredWithin, limit, failures }: BlackHoleResult): string {
  return [
    `black hole: ${messages} messages, ${lost} lost, ${doubled} doubled, ${reordered} reordered;`,
    `first ack ${recoveredWithin} ms after the end of the fault (limit ${limit} ms)`,
    ...failures.map((failure) => `  ✗ ${failure}`),
    '',
  ].join('\n');
}

/** How a round with something wrong is shown. */
export function describeFailure(
  { seed, failures, folder }: Pick<Outcome, 'seed' | 'failures' | 'folder'>,
  storm: number,
  mode = '',
): string {
  return [
    `✗ seed ${seed}`,
    ...failures.map((failure) => `    ${failure}`),
    `    what is left: ${folder}`,
    `    the same plan: npm run chaos -- ${mode}--rounds 1 --seed ${seed} --storm ${storm}`,
    '',
  ].join('\n');
}

/** The last line. */
export function summaryOf({ rounds, failures, done, tallies }: Totals): object {
  const messages = LEVELS.reduce((total, level) => total + tallies[level].messages, 0);
  const promises = LEVELS.map((level) => {
    const { lost, doubled, reordered } = tallies[level];
    return [level, { lost, doubled, reordered }];
  });
  return { rounds, failures, ...done, messages, ...(Object.fromEntries(promises) as object) };
}
