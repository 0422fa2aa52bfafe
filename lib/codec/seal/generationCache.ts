/** A cache of recently used values: at least `size` of them, and at most twice as many. */
export interface GenerationCache<V> {
  get(name: string, make: () => V): V;
  set(name: string, value: V): void;
}

export function createGenerationCache<V>(size: number): GenerationCache<V> {
  let young = new Map<string, V>();
  let old = new Map<string, V>();

  const set = (name: string, value: V): void => {
    // Evicts a whole generation at once, so that no entry is searched for.
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
