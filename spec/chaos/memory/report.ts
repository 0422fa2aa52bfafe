import { LIMITS, mebibytes, riseOf, sparkline, type Sample } from './flatness.js';
import type { MemoryResult } from './run.js';

/** What came of it, to read. */
export function describeMemory({ title, messages, acked, dropped, seconds, samples, failures }: MemoryResult): string {
  const count = (value: number): string => value.toLocaleString('en');
  const lines = Object.entries(samples).flatMap(([role, some]) => [lineOf(role, 'heap', some), lineOf(role, 'rss', some)]);
  return [
    `${title}: ${count(messages)} messages in ${seconds.toFixed(1)} s, ${count(acked)} acked, ${count(dropped)} dropped and reported`,
    ...lines,
    ...failures.map((failure) => `  ✗ ${failure}`),
    '',
  ].join('\n');
}

function lineOf(role: string, what: keyof Sample, samples: readonly Sample[]): string {
  const values = samples.map((one) => one[what]);
  const figures = `${mebibytes(Math.min(...values))} – ${mebibytes(Math.max(...values))} MiB`;
  return `  ${role.padEnd(9)}${what.padEnd(5)}${sparkline(values)}  ${figures}, rise ${mebibytes(riseOf(values))} (limit ${mebibytes(LIMITS[what])})`;
}

/** For the last line. */
export function memorySummary({ messages, acked, dropped, seconds, samples, failures }: MemoryResult): object {
  const figures = Object.entries(samples).map(([role, some]) => [role, { heap: figuresOf(some, 'heap'), rss: figuresOf(some, 'rss') }]);
  return { messages, acked, dropped, seconds, ...(Object.fromEntries(figures) as object), failures: failures.length };
}

function figuresOf(samples: readonly Sample[], what: keyof Sample): object {
  const values = samples.map((one) => one[what]);
  return { min: mebibytes(Math.min(...values)), max: mebibytes(Math.max(...values)), rise: mebibytes(riseOf(values)) };
}
