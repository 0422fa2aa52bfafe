type Numbers = Readonly<Record<string, number | undefined>>;

/** Refuses options that are not a number above zero (`Infinity` is one). Options left `undefined` pass. */
export function assertPositive(owner: string, options: Numbers): void {
  assertAll(owner, options, '> 0', (value) => value > 0);
}

/** Refuses options that are not a number of zero or more (`Infinity` is one). Options left `undefined` pass. */
export function assertNotNegative(owner: string, options: Numbers): void {
  assertAll(owner, options, '>= 0', (value) => value >= 0);
}

function assertAll(owner: string, options: Numbers, rule: string, holds: (value: number) => boolean): void {
  for (const name in options) {
    const value = options[name];
    if (value !== undefined && !holds(value)) throw new RangeError(`${owner}: "${name}" must be ${rule}, got ${value}`);
  }
}
