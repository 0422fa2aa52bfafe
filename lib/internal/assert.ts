type Numbers = Readonly<Record<string, number | undefined>>;

/** Refuses options that are not a number above zero (`Infinity` is one). Options left `undefined` pass. */
export function assertPositive(owner: string, options: Numbers): void {
  for (const name in options) {
    const value = options[name] ?? 1;
    if (!(value > 0)) throw new RangeError(`${owner}: "${name}" must be > 0, got ${value}`);
  }
}

/** Refuses options that are not a number of zero or more (`Infinity` is one). Options left `undefined` pass. */
export function assertNotNegative(owner: string, options: Numbers): void {
  for (const name in options) {
    const value = options[name] ?? 0;
    if (!(value >= 0)) throw new RangeError(`${owner}: "${name}" must be >= 0, got ${value}`);
  }
}
