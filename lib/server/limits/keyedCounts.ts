import { once } from '../../message/once.js';

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
