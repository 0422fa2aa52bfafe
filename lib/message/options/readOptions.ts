/** Returns true for a valid value, and otherwise the text of what is valid, such as `> 0`. */
export type Rule = (value: unknown) => true | string;

/** A number above zero; `Infinity` is valid. */
export const positive: Rule = (value) => (value as number) > 0 || '> 0';

/** A number of zero or more; `Infinity` is valid. */
export const notNegative: Rule = (value) => (value as number) >= 0 || '>= 0';

/** An integer from 1 to 2^31 - 1: the range of values that are sent to a peer. */
export const whole: Rule = (value) =>
  (Number.isInteger(value) && (value as number) > 0 && (value as number) < 2 ** 31) || 'a whole number from 1 to 2147483647';

/** Any value. */
export const anything: Rule = () => true;

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
 * @throws {RangeError} When an option breaks its rule.
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
    if (value === undefined) continue;
    const valid = rule(value);
    if (valid !== true) throw new RangeError(`${owner}: "${name}" must be ${valid}, got ${value as number}`);
    read[name] = value;
  }
  return read as ReadOptions<O, T>;
}
