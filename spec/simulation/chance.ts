import { seeded } from '../support/seeded.js';

/** What is left to chance, all of it from one seed. */
export interface Chance {
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly hit: (probability: number) => boolean;
  /** A whole number, both ends included. */
  readonly whole: (from: number, to: number) => number;
  /** Mostly near `from`, now and then near `to`. */
  readonly skewed: (from: number, to: number) => number;
  readonly pick: <T>(choices: readonly T[]) => T;
  /** As many random characters as a secret needs. */
  readonly name: () => string;
}

/** Later additions have streams of their own, so that the decisions of the others stay as they are. */
export type Stream = 'stores' | 'limits' | 'callbacks' | 'strangers' | 'pauses';

const STREAMS: readonly Stream[] = ['stores', 'limits', 'callbacks', 'strangers', 'pauses'];

/** Makes another chance of a seed. */
const LATER = 0x5f35_6495;

/** The streams of a seed; `extra`: of what came first. */
export function createStreams(seed: number): Readonly<Record<Stream | 'extra', Chance>> {
  const streams = STREAMS.map((name, index) => [name, createChance(seed + (index + 2) * LATER)] as const);
  return { extra: createChance(seed + LATER), ...(Object.fromEntries(streams) as Record<Stream, Chance>) };
}

export function createChance(seed: number): Chance {
  const random = seeded(seed);
  const whole = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
  return {
    random,
    whole,
    hit: (probability) => random() < probability,
    skewed: (from, to) => from + (to - from) * random() ** 3,
    pick: (choices) => choices[whole(0, choices.length - 1)]!,
    name: () => Array.from({ length: 22 }, () => 'abcdefghijklmnop'[whole(0, 15)]).join(''),
  };
}
