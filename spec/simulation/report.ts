import { INVARIANTS } from './checks/violation.js';
import type { Failure, Tally } from './tally.js';

/** How a run goes, on one line of a terminal. */
export function showProgress({ seeds, failures, messages }: Tally, total: number): void {
  if (!process.stderr.isTTY) return;
  const done = Math.floor((seeds / total) * 30);
  const bar = '█'.repeat(done) + '░'.repeat(30 - done);
  process.stderr.write(`\r${bar} ${seeds} of ${total} seeds, ${messages} messages, ${failures.length} failures `);
  if (seeds >= total) process.stderr.write('\n');
}

/** A failing seed, and how to see it again. */
export function describeFailure({ seed, invariant, detail, at }: Failure, option = '', after = ''): string {
  const when = at === undefined ? '' : `, after ${Math.round(at)} ms`;
  return `seed ${seed}${when}: ${INVARIANTS[invariant]}\n  ${detail}\n  npm run simulate -- ${option}--seed ${seed}${after}\n`;
}

/**
 * The last line: for programs.
 *
 * @param rate Seeds a second on one core.
 */
export function summaryOf(
  simulation: string,
  { seeds, failures, messages, cuts, crashes, ends, outcomes = {} }: Tally,
  rate?: number,
): string {
  const counts = { simulation, seeds, failures: failures.length, ...(rate !== undefined && { rate }), messages, cuts, crashes, ...ends };
  return JSON.stringify({ ...counts, ...(Object.keys(outcomes).length > 0 && { outcomes }) });
}

/** What happens in one seed, for who reads it: when, to whom, what. */
export function tellAll(at: number, who: string, what: string): void {
  print(`${at.toFixed(1).padStart(9)}  ${who.padEnd(10)}  ${what}`);
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
