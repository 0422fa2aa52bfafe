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
  return `seed ${seed}, after ${Math.round(at)} ms: ${INVARIANTS[invariant]}\n  ${detail}\n  npm run simulate -- ${option}--seed ${seed}${after}\n`;
}

/** The last line: for programs. */
export function summaryOf({ seeds, failures, messages, cuts, crashes, ends, hibernation }: Tally): string {
  return JSON.stringify({ seeds, failures: failures.length, messages, ...ends, cuts, crashes, ...(hibernation && { hibernation }) });
}

/** What happens in one seed, for who reads it: when, to whom, what. */
export function tellAll(at: number, who: string, what: string): void {
  print(`${at.toFixed(1).padStart(9)}  ${who.padEnd(10)}  ${what}`);
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
