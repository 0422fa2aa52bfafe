import { MAX_DEPTH } from '../message/messageLimits.js';
import { checkOption, notNegative, positive, whole, type Rule } from './readOptions.js';

type Numbers = Readonly<Record<string, number | undefined>>;

/** Rejects options that break a rule. Undefined options pass. */
function assertAll(owner: string, options: Numbers, rule: Rule): void {
  for (const name in options) if (options[name] != null) checkOption(owner, name, options[name], rule);
}

export function assertPositive(owner: string, options: Numbers): void {
  assertAll(owner, options, positive);
}

export function assertNotNegative(owner: string, options: Numbers): void {
  assertAll(owner, options, notNegative);
}

export function assertWhole(owner: string, options: Numbers): void {
  assertAll(owner, options, whole);
}

/**
 * Rejects a maximum nesting that is lower than that of headers, which no option changes. Undefined
 * passes.
 */
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
