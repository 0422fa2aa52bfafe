import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Prepares one run, and returns what is to be measured. */
export type Prepare = () => () => void;

/** Two ways to do the same. */
export interface Comparison {
  readonly name: string;
  readonly baseline: string;
  /** How often a run does what is counted. */
  readonly operations: number;
  readonly ours: Prepare;
  readonly theirs: Prepare;
  /** How many times as fast as the baseline it must be; the exit code says when it is not. @default none */
  readonly goal?: number;
  /** @default 9 */
  readonly rounds?: number;
}

export interface Result {
  readonly name: string;
  readonly baseline: string;
  /** What was measured, in words. */
  readonly ours: string;
  readonly theirs: string;
  /** Ours to theirs, higher is better unless `isCost`: the median of all rounds, and the extremes. */
  readonly ratio: number;
  readonly min: number;
  readonly max: number;
  /** The least ratio that is accepted; the greatest, if `isCost`. */
  readonly goal?: number;
  /** Says that `ours` and `theirs` are costs, such as CPU time or latency: a lower ratio is better. @default false */
  readonly isCost?: boolean;
}

/** What is measured, one after the other, each in a process of its own; several results, where one run tells them. */
export type Suite = readonly (() => Results | Promise<Results>)[];

export type Results = Result | readonly Result[];

/** Runs of each side in a round, of which the fastest counts. */
const TRIES = 3;

/**
 * Runs both in turns, and compares within each round: what slows the machine down for a while slows down both, and what interrupts one run (another
 * process, the garbage of the run before) is no part of it. The first rounds, in which the code is compiled, do not count.
 */
export function compare({ name, baseline, operations, ours, theirs, goal, rounds = 9 }: Comparison): Result {
  const warmUp = Math.ceil(rounds / 5);
  const times = Array.from({ length: warmUp + rounds }, () => {
    const tries = Array.from({ length: TRIES }, () => [measure(ours), measure(theirs)] as const);
    return { ours: Math.min(...tries.map(([time]) => time)), theirs: Math.min(...tries.map(([, time]) => time)) };
  }).slice(warmUp);
  const ratios = times.map((time) => time.theirs / time.ours);
  const speed = (side: 'ours' | 'theirs'): string => perSecond((1_000 * operations) / median(times.map((time) => time[side])));
  return {
    name,
    baseline,
    ours: speed('ours'),
    theirs: speed('theirs'),
    ratio: median(ratios),
    min: Math.min(...ratios),
    max: Math.max(...ratios),
    ...(goal !== undefined && { goal }),
  };
}

/** The bytes that are still held when `use` has returned; what it returns is held meanwhile. */
export function retained(use: () => unknown): number {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const held = use();
  collectGarbage();
  const bytes = process.memoryUsage().heapUsed - before;
  return held === undefined ? 0 : Math.max(1, bytes);
}

function measure(prepare: Prepare): number {
  const run = prepare();
  const start = performance.now();
  run();
  return performance.now() - start;
}

/** The median of the ratios of all rounds, and the extremes. */
export function spread(ratios: readonly number[]): Pick<Result, 'ratio' | 'min' | 'max'> {
  return { ratio: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle) - 1] ?? NaN)) / 2;
}

/** A rate, in words. */
export function perSecond(rate: number): string {
  const [value, unit] = rate >= 1e6 ? [rate / 1e6, 'M/s'] : [rate / 1e3, 'k/s'];
  return `${value.toPrecision(3)} ${unit}`;
}
