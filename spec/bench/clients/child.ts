/** A client that is measured from outside: node child.mjs <kind> <URL of the server> <options as JSON>. */
import { cpuTime } from '../ways.js';
import type { ClientReport, Ran, Run } from './client.js';
import { clients, type ClientOptions, type Task } from './clients.js';

const [kind = '', url = '', options = ''] = process.argv.slice(2);
const openTask = clients[kind];
if (!openTask) throw new RangeError(`no client "${kind}"`);

/** Of the samples, the latest are kept; allocated once, so that no run pays for the memory. */
const samples = new Float64Array(2 ** 16);

/** With several tasks open, the clock is read once in this many completions: a reading costs 0.1 µs, an eighth of a message in a batch. */
const CLOCK_INTERVAL = 64;

/** Keeps as many tasks open as the run asks for. The next task starts when one completes, in the same turn of the event loop. */
function work(task: Task, { ms, atLeast = 1, open = 1 }: Run): Promise<Ran> {
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
      else if (count === started) resolve({ count, ms: performance.now() - start, p50: open === 1 ? medianOf(count) : null });
    };
    const look = (): void => {
      const now = performance.now();
      if (open === 1) samples[(count - 1) % samples.length] = now - before;
      before = now;
      isOver ||= now - start >= ms && count >= atLeast;
    };
    const next = (): void => {
      started++;
      task(done);
    };
    for (let index = 0; index < open; index++) next();
  });
}

function medianOf(count: number): number {
  const sorted = samples.slice(0, Math.min(count, samples.length)).sort();
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

const report = (message: ClientReport): void => void process.send?.(message);
process.on('disconnect', () => process.exit());
const task = await openTask(url, JSON.parse(options) as ClientOptions);
process.on('message', (asked: Run | 'cpu') => {
  if (asked === 'cpu') report({ kind: 'cpu', value: cpuTime() });
  else void work(task, asked).then((value) => report({ kind: 'ran', value }));
});
report({ kind: 'ready', value: true });
