/**
 * Returns a function that finds the first value of a Map repeatedly, in O(1) amortised. It keeps an
 * iterator, because a new one would visit all deleted entries at the front.
 */
export function firstOf<K, V extends { readonly key: K }>(map: ReadonlyMap<K, V>): () => V | undefined {
  let values = map.values();
  let first: V | undefined;

  return () => {
    if (first && map.get(first.key) === first) return first;
    first = values.next().value;
    if (!first) {
      // A finished iterator does not see entries that are added later.
      values = map.values();
      first = values.next().value;
    }
    return first;
  };
}
