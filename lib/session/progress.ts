import type { Cursor } from './store/inbox.js';

/** Which numbers of one sender are processed. */
export interface Progress {
  /** Names the sender. */
  readonly pid: string;
  /** All up to here. */
  readonly done: number;
  /** Whether this one is. */
  has(number: number): boolean;
  readonly mark: (number: number) => void;
  /** Those above `done` that are. */
  readonly above: ReadonlySet<number>;
}

const START: Cursor = { done: 0, finished: [] };

export function createProgress(pid: string, { done, finished }: Cursor = START): Progress {
  const above = new Set(finished);

  const progress: Progress & { done: number } = {
    pid,
    done,
    above,
    has: (number) => number <= progress.done || above.has(number),
    mark(number) {
      if (number !== progress.done + 1) {
        if (number > progress.done) above.add(number);
        return;
      }
      progress.done++;
      while (above.delete(progress.done + 1)) progress.done++;
    },
  };
  return progress;
}

/** How it would be if these were marked too. */
export function cursorWith({ pid, done, above }: Progress, numbers: readonly number[]): Cursor {
  const then = createProgress(pid, { done, finished: [...above] });
  numbers.forEach(then.mark);
  return { done: then.done, finished: [...above, ...numbers].filter((number) => number > then.done).sort((a, b) => a - b) };
}
