/** Creates a counter for each key. Keys with a count of zero use no memory. */
export function createKeyedCounts() {
  const counts = new Map<string, { count: number; readonly remove: () => void }>();
  return {
    of: (key: string): number => counts.get(key)?.count ?? 0,
    /**
     * Increments the counter of a key. Returns a function that decrements it, to be called once.
     * The users of a key share this function, which saves memory.
     */
    add(key: string): () => void {
      const entry = counts.get(key) ?? {
        count: 0,
        remove: () => {
          if (--entry.count === 0) counts.delete(key);
        },
      };
      entry.count++;
      counts.set(key, entry);
      return entry.remove;
    },
  };
}

export type UsedKeys = ReturnType<typeof createUsedKeys>;

/** Creates the keys that sessions of this process use. */
export function createUsedKeys() {
  const users = new Map<unknown, { readonly key: string; readonly leave: () => void }>();
  const counts = createKeyedCounts();

  return {
    has: (key: string): boolean => counts.of(key) > 0,
    /** Adds a user of a key. Does nothing if the user was added before. */
    use(user: unknown, key: string): void {
      if (!users.has(user)) users.set(user, { key, leave: counts.add(key) });
    },
    /** Removes a user, if it was added. Returns its key. */
    release(user: unknown): string | undefined {
      const used = users.get(user);
      users.delete(user);
      used?.leave();
      return used?.key;
    },
  };
}
