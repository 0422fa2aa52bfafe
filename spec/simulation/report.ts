import { INVARIANTS } from './checks/violation.js';
import type { Failure, Tally } from './tally.js';

/** The time between two lines of progress where there is no terminal, in ms. */
const LINE_INTERVAL = 30_000;

/** Returns a function that shows how a run goes: on one line of a terminal, otherwise on a line every 30 s. */
export function createProgress(total: number): (tally: Tally) => void {
  const since = performance.now();
  let shownAt = since;
  return ({ seeds, failures, messages }) => {
    const now = performance.now();
    const { isTTY } = process.stderr;
    if (!isTTY && now - shownAt < LINE_INTERVAL) return;
    shownAt = now;
    const done = Math.floor((seeds / total) * 30);
    const bar = isTTY ? `\r${'█'.repeat(done)}${'░'.repeat(30 - done)} ` : '';
    const left = Math.round((((now - since) / seeds) * (total - seeds)) / 1_000);
    const end = isTTY && seeds < total ? ' ' : '\n';
    process.stderr.write(`${bar}${seeds} of ${total} seeds, ${messages} messages, ${failures.length} failures, ${left} s left${end}`);
  };
}

/** A failing seed, and how to see it again. */
export function describeFailure({ seed, invariant, detail, at }: Failure, option = '', after = ''): string {
  const when = at === undefined ? '' : `, after ${Math.round(at)} ms`;
  return `seed ${seed}${when}: ${INVARIANTS[invariant]}\n  ${detail}\n  npm run simulate -- ${option}--seed ${seed}${after}\n`;
}

/**
 * The last line: for programs.
 *
 * @param rate Seeds for each second of processor time.
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
