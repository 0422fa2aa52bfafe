type Numbers = Readonly<Record<string, number | undefined>>;

/** Refuses options that are not a number above zero (`Infinity` is one). Options left `undefined` pass. */
export function assertPositive(owner: string, options: Numbers): void {
  for (const name in options) {
    const value = options[name] ?? 1;
    if (!(value > 0)) throw new RangeError(`${owner}: "${name}" must be > 0, got ${value}`);
  }
}

/** Refuses options that are not a whole number from 1 to 2^31 - 1: such that another machine is told. Options left `undefined` pass. */
export function assertWhole(owner: string, options: Numbers): void {
  for (const name in options) {
    const value = options[name] ?? 1;
    if (!Number.isInteger(value) || value < 1 || value >= 2 ** 31)
      throw new RangeError(`${owner}: "${name}" must be a whole number from 1 to 2147483647, got ${value}`);
  }
}

/** Refuses options that are not a number of zero or more (`Infinity` is one). Options left `undefined` pass. */
export function assertNotNegative(owner: string, options: Numbers): void {
  for (const name in options) {
    const value = options[name] ?? 0;
    if (!(value >= 0)) throw new RangeError(`${owner}: "${name}" must be >= 0, got ${value}`);
  }
}
