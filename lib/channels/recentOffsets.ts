export type RecentOffsets = ReturnType<typeof createRecentOffsets>;

/**
 * Remembers the offsets of the recent messages of a channel, by their ids, in two generations, the
 * older of which is dropped as a whole. So an id is remembered for one to two times `window` ms,
 * unless `limit` later ids follow within that time.
 *
 * @param window May be infinite.
 * @param now Returns the time, in ms.
 */
export function createRecentOffsets(window: number, limit: () => number, now: () => number) {
  let [recent, older] = [new Map<string, number>(), new Map<string, number>()];
  let since = -Infinity;
  return {
    get: (id: string): number | undefined => recent.get(id) ?? older.get(id),
    add(id: string, offset: number): void {
      const at = now();
      if (recent.size >= limit() || at - since >= window) {
        // Ids that are older than the window are not needed any more.
        older = at - since >= 2 * window ? new Map<string, number>() : recent;
        recent = new Map();
        since = at;
      }
      recent.set(id, offset);
    },
  };
}
