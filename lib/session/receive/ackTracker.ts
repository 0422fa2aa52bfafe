import type { Cursor } from '../store/inbox.js';

const START: Cursor = { done: 0, finished: [] };

/** Tracks which numbers of one sender are processed. */
export class AckTracker {
  /** All numbers up to this one are processed. */
  done: number;
  /** The processed numbers above `done`; created when a message finishes out of order. */
  #above: Set<number> | undefined;

  /** @param pid Identifies the sender. */
  constructor(
    readonly pid: string,
    { done, finished }: Cursor = START,
  ) {
    this.done = done;
    if (finished.length > 0) this.#above = new Set(finished);
  }

  has(number: number): boolean {
    return number <= this.done || this.#above?.has(number) === true;
  }

  mark(number: number): void {
    if (number === this.done + 1) {
      this.done = number;
      while (this.#above?.delete(this.done + 1)) this.done++;
    } else if (number > this.done) (this.#above ??= new Set()).add(number);
  }

  /** Returns the cursor that results when these numbers are processed, too. */
  cursorWith(numbers: readonly number[]): Cursor {
    const above = [...(this.#above ?? [])];
    const then = new AckTracker(this.pid, { done: this.done, finished: above });
    for (const number of numbers) then.mark(number);
    return { done: then.done, finished: [...above, ...numbers].filter((number) => number > then.done).sort((a, b) => a - b) };
  }
}
