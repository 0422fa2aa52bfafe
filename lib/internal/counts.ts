import { once } from './once.js';

/** How many there are of each key at once. What there is none of takes no room. */
export interface Counts {
  readonly of: (key: string) => number;
  /** One more; what is returned takes it away again, once. */
  readonly add: (key: string) => () => void;
}

export function createCounts(): Counts {
  const counts = new Map<string, number>();
  const of = (key: string): number => counts.get(key) ?? 0;
  const remove = (key: string): void => {
    if (of(key) > 1) counts.set(key, of(key) - 1);
    else counts.delete(key);
  };
  return {
    of,
    add(key) {
      counts.set(key, of(key) + 1);
      return once(() => remove(key));
    },
  };
}
