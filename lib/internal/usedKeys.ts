/** The keys that sessions of this process use. */
export interface UsedKeys {
  /** Returns whether a user uses this key. */
  has(key: string): boolean;
  /** Adds a user of a key. Does nothing if the user was added before. */
  use(user: unknown, key: string): void;
  /** Removes a user, if it was added. Returns its key. */
  release(user: unknown): string | undefined;
}

export function createUsedKeys(): UsedKeys {
  const keys = new Map<unknown, string>();
  const counts = new Map<string, number>();
  return {
    has: (key) => counts.has(key),
    use(user, key) {
      if (keys.has(user)) return;
      keys.set(user, key);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    release(user) {
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
