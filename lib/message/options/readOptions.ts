import { assertRule } from '../development.js';
import type { Rule } from './assert.js';

/** A number above zero; `Infinity` is valid. */
export const positive = '> 0';

/** A number of zero or more; `Infinity` is valid. */
export const notNegative = '>= 0';

/** An integer from 1 to 2^31 - 1: the range of values that are sent to a peer. */
export const whole = 'a whole number from 1 to 2147483647';

/** Any value. */
export const anything = '';

/**
 * The rules and the defaults of the options of a function. The compiler reports a number without a
 * rule, an option that does not exist, and a default of the wrong type.
 */
export type OptionTable<O> = {
  readonly [K in keyof O as Exclude<O[K], undefined> extends number ? K : never]-?: OptionRule<O[K]>;
} & { readonly [K in keyof O]?: OptionRule<O[K]> };

type OptionRule<V> = readonly [rule: Rule] | readonly [rule: Rule, byDefault: Exclude<V, undefined>];

/** The options that a table describes: those with a default are never undefined. */
export type ReadOptions<O, T> = {
  readonly [K in keyof O & keyof T as T[K] extends readonly [Rule, unknown] ? K : never]-?: Exclude<O[K], undefined>;
} & {
  readonly [K in keyof O & keyof T as T[K] extends readonly [Rule, unknown] ? never : K]?: Exclude<O[K], undefined>;
};

/**
 * Returns the options of a table, with their defaults.
 *
 * @throws {RangeError} When an option breaks its rule, where options are checked.
 */
export function readOptions<O extends object, T extends Readonly<Record<string, readonly [rule: Rule, byDefault?: unknown]>>>(
  owner: string,
  options: O,
  table: T,
): ReadOptions<O, T> {
  const read: Record<string, unknown> = {};
  for (const name in table) {
    const [rule, byDefault] = table[name] as readonly [Rule, unknown];
    const value = (options as Record<string, unknown>)[name] ?? byDefault;
    assertRule(owner, name, value, rule);
    if (value !== undefined) read[name] = value;
  }
  return read as ReadOptions<O, T>;
}
