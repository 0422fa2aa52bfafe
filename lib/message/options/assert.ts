import { MAX_DEPTH } from '../messageLimits.js';

type Numbers = Readonly<Record<string, number | undefined>>;

/** `Infinity` is valid. Undefined options pass, here and below. */
export function assertPositive(owner: string, options: Numbers): void {
  for (const name in options) {
    const value = options[name] ?? 1;
    if (!(value > 0)) throw new RangeError(`${owner}: "${name}" must be > 0, got ${value}`);
  }
}

/** Rejects a maximum nesting that is lower than that of headers, which no option changes. */
export function assertDepth(owner: string, maxDepth: number | undefined): void {
  if (!((maxDepth ?? MAX_DEPTH) >= MAX_DEPTH)) throw new RangeError(`${owner}: "maxDepth" must be >= ${MAX_DEPTH}, got ${maxDepth}`);
}

/** The range is that of the values that are sent to a peer. */
export function assertWhole(owner: string, options: Numbers): void {
  for (const name in options) {
    const value = options[name] ?? 1;
    if (!Number.isInteger(value) || value < 1 || value >= 2 ** 31)
      throw new RangeError(`${owner}: "${name}" must be a whole number from 1 to 2147483647, got ${value}`);
  }
}

/** `Infinity` is valid. */
export function assertNotNegative(owner: string, options: Numbers): void {
  for (const name in options) {
    const value = options[name] ?? 0;
    if (!(value >= 0)) throw new RangeError(`${owner}: "${name}" must be >= 0, got ${value}`);
  }
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
