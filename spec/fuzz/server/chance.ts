import { seeded } from '../../support/seeded.js';

/** Chance that can be repeated. */
export interface Chance {
  /** A whole number from 0 to below `limit`. */
  readonly pick: (limit: number) => number;
  readonly oneOf: <T>(all: readonly T[]) => T;
  /** So many characters that a name may have. */
  readonly name: (length: number) => string;
  readonly seed: number;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

export function createChance(seed: number): Chance {
  const random = seeded(seed);
  const pick = (limit: number): number => Math.floor(random() * limit);
  return {
    pick,
    oneOf: (all) => all[pick(all.length)]!,
    name: (length) => Array.from({ length }, () => LETTERS[pick(LETTERS.length)]).join(''),
    seed,
  };
}
