/**
 * Finds the first value of a Map again and again, in O(1) amortised: its iterator is kept, as a fresh one would walk over all that was deleted
 * at the front.
 */
export function firstOf<K, V extends { readonly key: K }>(map: ReadonlyMap<K, V>): () => V | undefined {
  let values = map.values();
  let first: V | undefined;

  return () => {
    if (first && map.get(first.key) === first) return first;
    first = values.next().value;
    if (!first) {
      // An iterator that has ended does not see what is added later.
      values = map.values();
      first = values.next().value;
    }
    return first;
  };
}
