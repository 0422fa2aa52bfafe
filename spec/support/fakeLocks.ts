import type { LocksLike } from '../../lib/io/webLocks.js';

/** Web Locks, as far as they go here: one lock, those that wait for it, and who may steal it. */
export function fakeLocks() {
  interface Request {
    readonly grant: () => void;
    readonly reject: (reason: unknown) => void;
  }
  const names: string[] = [];
  const waiting: Request[] = [];
  let holder: Request | undefined;
  const next = (): void => {
    holder = waiting.shift();
    holder?.grant();
  };
  const aborted = (): DOMException => new DOMException('It was aborted.', 'AbortError');

  const locks: LocksLike = {
    request: (name, { steal, signal }, callback) =>
      new Promise((resolve, reject) => {
        names.push(name);
        const request: Request = {
          reject,
          grant: () =>
            void Promise.resolve(callback()).then(() => {
              resolve(undefined);
              if (holder === request) next();
            }),
        };
        signal?.addEventListener('abort', () => {
          if (!waiting.includes(request)) return;
          waiting.splice(waiting.indexOf(request), 1);
          reject(aborted());
        });
        if (steal && holder) {
          holder.reject(aborted());
          holder = undefined;
        }
        waiting.push(request);
        if (!holder) next();
      }),
  };
  return { locks, names, queue: () => ({ held: holder !== undefined, pending: waiting.length }) };
}
