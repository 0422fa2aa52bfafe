import type { MetricsSink } from '../../lib/operators/metrics/metricsSink.js';

/** A sink that notes what it is told. */
export function recordingSink() {
  const calls: unknown[][] = [];
  const sink: MetricsSink = {
    message: (...args) => void calls.push(['message', ...args]),
    error: (...args) => void calls.push(['error', ...args]),
    drop: (...args) => void calls.push(['drop', ...args]),
    time: (...args) => void calls.push(['time', ...args]),
  };
  return { sink, calls, of: (kind: keyof MetricsSink): readonly unknown[][] => calls.filter(([name]) => name === kind) };
}
