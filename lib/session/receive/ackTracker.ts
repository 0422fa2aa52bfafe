import type { Cursor, InboxLease, NumberedRejection } from '../store/inbox.js';

const START: Cursor = { done: 0, finished: [] };

/** Tracks which numbers of one sender are processed. */
export class AckTracker {
  /** All numbers up to this one are processed. */
  done: number;
  /** The processed numbers above `done`; created when a message finishes out of order. */
  #above: Set<number> | undefined;
  /** The rejected messages whose sender may not know it yet. */
  #rejections: NumberedRejection[] | undefined;

  constructor(
    { done, finished, rejections }: Cursor = START,
    /** The lease of an inbox that stores the numbers. */
    public lease?: InboxLease,
  ) {
    this.done = done;
    if (rejections?.length) this.#rejections = [...rejections];
    if (finished.length > 0) this.#above = new Set(finished);
  }

  get rejections(): readonly NumberedRejection[] | undefined {
    return this.#rejections;
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
    (this.#rejections ??= []).push(...rejections);
  }

  /** Forgets the rejections of numbers up to `known`: the sender has received their acks. */
  forget(known: number): void {
    const all = this.#rejections;
    // Most often, the first has the lowest number; otherwise, the rest waits for it.
    if (!all || (all[0] as NumberedRejection).number > known) return;
    const left = all.filter(({ number }) => number > known);
    this.#rejections = left.length > 0 ? left : undefined;
  }

  /**
   * Returns the cursor that results when these numbers are processed, too, and these rejections are
   * recorded.
   */
  cursorWith(numbers: readonly number[], rejections: readonly NumberedRejection[] = []): Cursor {
    const above = [...(this.#above ?? [])];
    const then = new AckTracker({ done: this.done, finished: above });
    for (const number of numbers) then.mark(number);
    const finished = [...above, ...numbers].filter((number) => number > then.done).sort((a, b) => a - b);
    const rejected = [...(this.#rejections ?? []), ...rejections];
    return { done: then.done, finished, ...(rejected.length > 0 && { rejections: rejected }) };
  }
}
