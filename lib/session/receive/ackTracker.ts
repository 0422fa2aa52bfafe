import type { Cursor, NumberedRejection } from '../store/inbox.js';

const START: Cursor = { done: 0, finished: [] };

/** Tracks which numbers of one sender are processed. */
export class AckTracker {
  /** All numbers up to this one are processed. */
  done: number;
  /** The processed numbers above `done`; created when a message finishes out of order. */
  #above: Set<number> | undefined;
  /** The rejected messages whose sender may not know it yet. */
  rejections: readonly NumberedRejection[] | undefined;

  /** @param pid Identifies the sender. */
  constructor(
    readonly pid: string,
    { done, finished, rejections }: Cursor = START,
  ) {
    this.done = done;
    this.rejections = rejections;
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

  /** Records rejections. */
  reject(rejections: readonly NumberedRejection[]): void {
    this.rejections = [...(this.rejections ?? []), ...rejections];
  }

  /** Forgets the rejections of numbers up to `known`: the sender has received their acks. */
  forget(known: number): void {
    const left = this.rejections?.filter(({ number }) => number > known);
    this.rejections = left && left.length > 0 ? left : undefined;
  }

  /** Returns the cursor that results when these numbers are processed, too, and these rejections are recorded. */
  cursorWith(numbers: readonly number[], rejections: readonly NumberedRejection[] = []): Cursor {
    const above = [...(this.#above ?? [])];
    const then = new AckTracker(this.pid, { done: this.done, finished: above });
    for (const number of numbers) then.mark(number);
    const finished = [...above, ...numbers].filter((number) => number > then.done).sort((a, b) => a - b);
    const rejected = [...(this.rejections ?? []), ...rejections];
    return { done: then.done, finished, ...(rejected.length > 0 && { rejections: rejected }) };
  }
}
