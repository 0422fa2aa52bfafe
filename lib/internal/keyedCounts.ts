import { once } from './once.js';

/** Creates a counter for each key. Keys with a count of zero use no memory. */
export function createKeyedCounts() {
  const counts = new Map<string, number>();
  const of = (key: string): number => counts.get(key) ?? 0;
  const remove = (key: string): void => {
    if (of(key) > 1) counts.set(key, of(key) - 1);
    else counts.delete(key);
  };
  return {
    of,
    /** Increments the counter of a key. Returns a function that decrements it, once. */
    add(key: string): () => void {
      counts.set(key, of(key) + 1);
      return once(() => remove(key));
    },
  };
}
