export type UsedKeys = ReturnType<typeof createUsedKeys>;

/** Creates the keys that sessions of this process use. */
export function createUsedKeys() {
  const keys = new Map<unknown, string>();
  const counts = new Map<string, number>();
  return {
    has: (key: string): boolean => counts.has(key),
    /** Adds a user of a key. Does nothing if the user was added before. */
    use(user: unknown, key: string): void {
      if (keys.has(user)) return;
      keys.set(user, key);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    /** Removes a user, if it was added. Returns its key. */
    release(user: unknown): string | undefined {
      const key = keys.get(user);
      if (key === undefined) return undefined;
      keys.delete(user);
      const left = (counts.get(key) as number) - 1;
      if (left > 0) counts.set(key, left);
      else counts.delete(key);
      return key;
    },
  };
}
