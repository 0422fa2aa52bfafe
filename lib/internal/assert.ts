type Numbers = Readonly<Record<string, number | undefined>>;

/** Refuses options that are not a number above zero (`Infinity` is one). Options left `undefined` pass. */
export function assertPositive(owner: string, options: Numbers, unit = ''): void {
  check(owner, options, (value) => value > 0, `> 0${unit}`);
}

/** Refuses options that are not a number of zero or more (`Infinity` is one). Options left `undefined` pass. */
export function assertNotNegative(owner: string, options: Numbers, unit = ''): void {
  check(owner, options, (value) => value >= 0, `>= 0${unit}`);
}

function check(owner: string, options: Numbers, holds: (value: number) => boolean, rule: string): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !(typeof value === 'number' && holds(value))) {
      throw new RangeError(`${owner}: "${name}" must be ${rule}, got ${String(value)}`);
    }
  }
}
