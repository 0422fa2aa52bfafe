/**
 * Runs the tasks of each key one after the other. A task that fails does not affect the next one.
 */
export type SerialByKey = <T>(key: string, task: () => Promise<T>) => Promise<T>;

export function createSerialByKey(): SerialByKey {
  const ends = new Map<string, Promise<unknown>>();
  return (key, task) => {
    const before = ends.get(key);
    const result = before ? before.then(task, task) : task();
    ends.set(key, result);
    const leave = (): void => {
      if (ends.get(key) === result) ends.delete(key);
    };
    result.then(leave, leave);
    return result;
  };
}
