import { numbered, type NumberedRejection, type Rejection } from './rejection.js';
import type { Cursor } from './storedTypes.js';

/** The progress before the first message. */
export const START: Cursor = { done: 0, finished: [] };

/**
 * Which messages of one numbering of the other side are processed. A message keeps the progress
 * that it was delivered with: when the other side begins another numbering, it counts no more.
 */
export class ReceiveProgress {
  /** All messages up to this number are processed. */
  done = 0;
  /** The rejections that the other side may not know, in the order of their messages' ends. */
  readonly rejections: NumberedRejection[];
  /** The processed numbers above `done`. */
  #above: Set<number> | undefined;

  /** The key of the numbering in the inbox. */
  readonly key: string;

  /** @param cursor The stored progress to continue. */
  constructor({ done, finished, rejections = [] }: Cursor = START, key = '') {
    this.key = key;
    this.done = done;
    this.#above = finished.length > 0 ? new Set(finished) : undefined;
    this.rejections = [...rejections];
  }

  /** The progress as an inbox stores it. */
  get cursor(): Cursor {
    const finished = this.#above ? [...this.#above].sort((one, other) => one - other) : START.finished;
    return { done: this.done, finished, ...(this.rejections.length > 0 && { rejections: [...this.rejections] }) };
  }

  has(number: number): boolean {
    return number <= this.done || this.#above?.has(number) === true;
  }

  /** Records that a message is processed, or rejected. */
  add(number: number, rejection?: Rejection): void {
    if (rejection) this.rejections.push(numbered(number, rejection));
    if (number !== this.done + 1) {
      if (number > this.done) (this.#above ??= new Set()).add(number);
      return;
    }
    this.done = number;
    while (this.#above?.delete(this.done + 1)) this.done++;
  }

  /** The highest number that is processed. */
  get top(): number {
    let top = this.done;
    for (const number of this.#above ?? []) if (number > top) top = number;
    return top;
  }
}
