/**
 * A bounded set of items, each of which belongs to a group. When it is full, the group with the
 * most items loses its oldest item: no group can evict the items of a smaller one.
 */
export interface FairEviction<T> {
  /**
   * Adds an item. Returns the item that must go, which may be the new one: it is removed already.
   */
  add(item: T, group: string): T | undefined;
  remove(item: T): void;
}

/** Creates an empty set. Each call takes constant time. */
export function createFairEviction<T>(maxSize: number): FairEviction<T> {
  const groupOf = new Map<T, string>();
  /** The items of each group, the oldest first. */
  const groups = new Map<string, Set<T>>();
  /** The groups of each size. */
  const bySize: Set<string>[] = [];
  let largest = 0;

  const resized = (group: string, from: number, to: number): void => {
    bySize[from]?.delete(group);
    if (to > 0) (bySize[to] ??= new Set()).add(group);
    else groups.delete(group);
    largest = Math.max(largest, to);
    // A size changes by one at a time.
    if (from === largest && bySize[from]?.size === 0) {
      bySize.length = from;
      largest = from - 1;
    }
  };
  const remove = (item: T): void => {
    const group = groupOf.get(item);
    const items = group === undefined ? undefined : groups.get(group);
    if (group === undefined || !items) return;
    groupOf.delete(item);
    items.delete(item);
    resized(group, items.size + 1, items.size);
  };
  return {
    add(item, group) {
      remove(item);
      const items = groups.get(group) ?? new Set<T>();
      groups.set(group, items);
      groupOf.set(item, group);
      items.add(item);
      resized(group, items.size - 1, items.size);
      if (groupOf.size <= maxSize) return undefined;
      const [from = group] = bySize[largest] ?? [];
      const [oldest] = groups.get(from) ?? [];
      if (oldest !== undefined) remove(oldest);
      return oldest;
    },
    remove,
  };
}
