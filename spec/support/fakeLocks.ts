import type { LocksLike } from '../../lib/io/webLocks.js';

/** Web Locks, as far as they go here: those that wait for a lock, and who may steal it. */
export function fakeLocks() {
  interface Request {
    readonly grant: () => void;
    readonly reject: (reason: unknown) => void;
  }
  interface Lock {
    readonly waiting: Request[];
    holder?: Request | undefined;
  }
  const names: string[] = [];
  const all = new Map<string, Lock>();
  const next = (lock: Lock): void => {
    lock.holder = lock.waiting.shift();
    lock.holder?.grant();
  };
  const aborted = (): DOMException => new DOMException('It was aborted.', 'AbortError');

  const locks: LocksLike = {
    request: (name, { steal, ifAvailable, signal }, callback) =>
      new Promise((resolve, reject) => {
        names.push(name);
        const lock = all.get(name) ?? { waiting: [] };
        all.set(name, lock);
        if (ifAvailable && lock.holder) {
          resolve(callback(null));
          return;
        }
        const request: Request = {
          reject,
          grant: () =>
            void Promise.resolve(callback({ name })).then(() => {
              resolve(undefined);
              if (lock.holder === request) next(lock);
            }),
        };
        signal?.addEventListener('abort', () => {
          if (!lock.waiting.includes(request)) return;
          lock.waiting.splice(lock.waiting.indexOf(request), 1);
          reject(aborted());
        });
        if (steal && lock.holder) {
          lock.holder.reject(aborted());
          lock.holder = undefined;
        }
        lock.waiting.push(request);
        if (!lock.holder) next(lock);
      }),
    query: () => Promise.resolve({ held: heldNames().map((name) => ({ name })) }),
  };
  const heldNames = (): string[] => [...all].flatMap(([name, { holder }]) => (holder ? [name] : []));
  const pending = (): number => [...all.values()].reduce((sum, { waiting }) => sum + waiting.length, 0);
  return { locks, names, heldNames, queue: () => ({ held: heldNames().length > 0, pending: pending() }) };
}
