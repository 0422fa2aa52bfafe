import type { Round } from './results.js';

/** The numbers that a server has received, each with its time. */
export type Journal = readonly (readonly [number: number, at: number])[];

/** What arrived of the numbers from 0 to `sent` − 1. Without another delivery, the next one counts as late as the end of what was observed. */
export function judge(journal: Journal, sent: number, over: number, observed: number): Round {
  const seen = new Set<number>();
  let highest = -1;
  let disordered = 0;
  for (const [number] of journal) {
    if (!seen.has(number) && number < highest) disordered++;
    highest = Math.max(highest, number);
    seen.add(number);
  }
  const next = journal.find(([, at]) => at >= over);
  return {
    next: next ? next[1] - over : observed,
    lost: sent - seen.size,
    doubled: journal.length - seen.size,
    disordered,
  };
}
