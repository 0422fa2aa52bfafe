/** What a process takes, in bytes. */
export interface Sample {
  /** All of it. */
  readonly rss: number;
  /** What is alive in its heap, just after a collection. */
  readonly heap: number;
}

/** How far it may rise from the first third of a time to the last, in bytes. One message in memory is more than 500. */
export const LIMITS: Sample = { rss: 32 * 2 ** 20, heap: 4 * 2 ** 20 };

const BARS = '▁▂▃▄▅▆▇█';
const WIDTH = 60;

/** How much more it is in the last third than in the first: their medians. */
export function riseOf(values: readonly number[]): number {
  const third = Math.ceil(values.length / 3);
  return median(values.slice(-third)) - median(values.slice(0, third));
}

/** Bars from 0 to the largest of the values. */
export function sparkline(values: readonly number[]): string {
  const every = Math.max(1, Math.ceil(values.length / WIDTH));
  const largest = Math.max(...values, 1);
  const shown = Array.from({ length: Math.ceil(values.length / every) }, (_, index) =>
    Math.max(...values.slice(index * every, (index + 1) * every)),
  );
  return shown.map((value) => BARS[Math.min(BARS.length - 1, Math.floor((value / largest) * BARS.length))]).join('');
}

export function mebibytes(bytes: number): number {
  return Math.round((bytes / 2 ** 20) * 10) / 10;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
