/** What was made for the names that were asked for last: for at least as many as its size, and at most twice as many. */
export interface Recent<V> {
  get(name: string, make: () => V): V;
  set(name: string, value: V): void;
}

export function createRecent<V>(size: number): Recent<V> {
  let young = new Map<string, V>();
  let old = new Map<string, V>();

  const set = (name: string, value: V): void => {
    // Nobody looks for the one that gives way: a whole generation goes at once.
    if (young.size >= size && !young.has(name)) [old, young] = [young, new Map<string, V>()];
    young.set(name, value);
  };
  return {
    get(name, make) {
      const found = young.get(name);
      if (found !== undefined) return found;
      const value = old.get(name) ?? make();
      set(name, value);
      return value;
    },
    set,
  };
}
