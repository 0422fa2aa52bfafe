import { cpus } from 'node:os';
import { startRemote } from './remote.js';

/**
 * Keeps every core busy while `measure` runs. In a ping-pong both processes wait most of the time; an idle core halts, and waking it takes 35-40 µs,
 * which is more than the round trip. One spinner a core, at the lowest priority (nice 19), keeps the core awake: the kernel preempts the spinner as
 * soon as a measured process can run, so that the spinner costs a context switch and some cache, for all sides alike.
 */
export async function withBusyCores<T>(measure: () => Promise<T>): Promise<T> {
  const spinners = cpus().map(() => startRemote<object>('a spinner', 'spec/bench/spinner.ts', []));
  try {
    return await measure();
  } finally {
    await Promise.all(spinners.map(({ stop }) => stop()));
  }
}
