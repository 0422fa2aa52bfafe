import type { Result } from './bench.js';

/** Cells of the bar up to the goal, and at most. */
const GOAL_CELLS = 8;
const MAX_CELLS = 20;

/** Whether the goal was met, as far as there is one. */
export function isMet({ ratio, goal, isCost = false }: Result): boolean {
  return goal === undefined || (isCost ? ratio <= goal : ratio >= goal);
}

/** The results as a table with bars; each bar reaches its goal (or 1, where there is none) at the line. The bar of a cost is longer if the cost is lower. */
export function table(results: readonly Result[]): string {
  const head = ['', 'compared to', 'ours', 'theirs', 'ratio', 'min – max', ''.padEnd(MAX_CELLS), 'goal'];
  const rows = results.map((result) => [
    result.name,
    result.baseline,
    result.ours,
    result.theirs,
    times(result.ratio),
    result.min === result.max ? '' : `${short(result.min)} – ${short(result.max)}`,
    bar(shareOf(result)),
    result.goal === undefined ? '' : `${result.isCost ? '≤' : '≥'} ${times(result.goal)} ${isMet(result) ? '✓' : '✗ missed'}`,
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)), ...rows.map(line)].join('\n');
}

/** The share of the goal that was reached. */
function shareOf({ ratio, goal = 1, isCost = false }: Result): number {
  return isCost ? goal / ratio : ratio / goal;
}

function isNumber(column: number): boolean {
  return column >= 2 && column <= 5;
}

function bar(share: number): string {
  const length = Math.min(MAX_CELLS, Math.max(1, Math.round(share * GOAL_CELLS)));
  const cells = '█'.repeat(length).padEnd(GOAL_CELLS, '░');
  return `${cells.slice(0, GOAL_CELLS)}│${cells.slice(GOAL_CELLS)}`.slice(0, MAX_CELLS).padEnd(MAX_CELLS);
}

function times(ratio: number): string {
  return `${short(ratio)}×`;
}

function short(ratio: number): string {
  return ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2);
}
