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
  /** How it would be if these were marked too. */
  cursorWith(numbers: readonly number[]): Cursor;
}

const START: Cursor = { done: 0, finished: [] };

export function createProgress(pid: string, { done, finished }: Cursor = START): Progress {
  /** Those above `done`. */
  const above = new Set(finished);

  return {
    pid,
    get done() {
      return done;
    },
    has: (number) => number <= done || above.has(number),
    mark(number) {
      if (number !== done + 1) {
        if (number > done) above.add(number);
        return;
      }
      done++;
      while (above.delete(done + 1)) done++;
    },
    cursorWith(numbers) {
      const then = createProgress(pid, { done, finished: [...above] });
      numbers.forEach(then.mark);
      return { done: then.done, finished: [...above, ...numbers].filter((number) => number > then.done).sort((a, b) => a - b) };
    },
  };
}
