import { percentile } from '../../../lib/adapters/cli/printable.js';
import type { Ran, Run } from './client.js';
import type { Task } from './clients.js';

/** The latest samples; allocated once, so that no run pays for the memory. */
const samples = new Float64Array(2 ** 16);

/** With several tasks open, the clock is read once in this many completions: a reading costs 0.1 µs, an eighth of a message in a batch. */
const CLOCK_INTERVAL = 64;

/** Keeps as many tasks open as the run asks for. The next task starts when one completes, in the same turn of the event loop. */
export function work(task: Task, { ms, atLeast = 1, atMost = Infinity, open = 1 }: Run): Promise<Ran> {
  return new Promise((resolve) => {
    const start = performance.now();
    let before = start;
    let started = 0;
    let count = 0;
    let isOver = false;
    const done = (): void => {
      count++;
      if (open === 1 || count % CLOCK_INTERVAL === 0) look();
      if (!isOver) next();
      else if (count === started) resolve({ count, ms: performance.now() - start, ...(open === 1 ? quantilesOf(count) : NO_QUANTILES) });
    };
    const look = (): void => {
      const now = performance.now();
      if (open === 1) samples[(count - 1) % samples.length] = now - before;
      before = now;
      isOver ||= now - start >= atMost || (now - start >= ms && count >= atLeast);
    };
    const next = (): void => {
      started++;
      task(done);
    };
    for (let index = 0; index < open; index++) next();
  });
}

const NO_QUANTILES = { p50: null, p99: null } as const;

function quantilesOf(count: number): Pick<Ran, 'p50' | 'p99'> {
  const sorted = samples.slice(0, Math.min(count, samples.length)).sort();
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}
