import { MAX_DEPTH } from '../messageLimits.js';

/** The rule of a value, as an error shows it. The empty rule permits any value. */
export type Rule = '> 0' | '<= 1' | `>= ${number}` | 'a whole number >= 0' | 'a whole number from 1 to 2147483647' | '';

type Numbers = Readonly<Record<string, number | undefined>>;

function isValid(value: number, rule: Rule): boolean {
  const limit = Number(/\d+$/.exec(rule)?.[0]);
  if (rule.startsWith('>= ')) return value >= limit;
  if (rule.startsWith('<= ')) return value <= limit;
  if (rule === '> 0') return value > 0;
  const least = rule === 'a whole number >= 0' ? 0 : 1;
  return rule === '' || (Number.isInteger(value) && value >= least && value < 2 ** 31);
}

/**
 * Undefined options pass, here and below.
 *
 * @throws {RangeError} When the value of an option breaks its rule.
 */
export function assertRule(owner: string, name: string, value: unknown, rule: Rule): void {
  if (value != null && !isValid(value as number, rule)) throw new RangeError(`${owner}: "${name}" must be ${rule}, got ${value as number}`);
}

const assertAll =
  (rule: Rule) =>
  (owner: string, options: Numbers): void => {
    for (const name in options) assertRule(owner, name, options[name], rule);
  };

/** `Infinity` is valid. */
export const assertPositive = /* @__PURE__ */ assertAll('> 0');

/** `Infinity` is valid. */
export const assertNotNegative = /* @__PURE__ */ assertAll('>= 0');

/** The range is that of the values that are sent to a peer. */
export const assertWhole = /* @__PURE__ */ assertAll('a whole number from 1 to 2147483647');

/** Rejects a maximum nesting that is lower than that of headers, which no option changes. */
export function assertDepth(owner: string, maxDepth: number | undefined): void {
  if (!((maxDepth ?? MAX_DEPTH) >= MAX_DEPTH)) throw new RangeError(`${owner}: "maxDepth" must be >= ${MAX_DEPTH}, got ${maxDepth}`);
}

/** Rejects the options of these names, which only another protocol uses. */
export function assertAbsent<K extends string>(
  owner: string,
  options: { readonly [P in K]?: unknown },
  names: readonly K[],
  protocol: string,
): void {
  for (const name of names)
    if (options[name] !== undefined) throw new TypeError(`${owner}: "${name}" has an effect only with protocol: ${protocol}; remove it`);
}
