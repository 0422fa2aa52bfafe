import type { WriteFault } from '../../../lib/core/storedTypes.js';
import type { StoreRun } from './storeRun.js';

interface Waiting<Write> {
  readonly id: number;
  readonly write: Write;
  /** What the write has led to: its fault, or the messages that it has removed. Undefined while it waits. */
  result: WriteFault | readonly string[] | undefined;
}

/** Takes the answer of a write, and the messages that the write has removed. */
export type StoreAnswer = (id: number, fault: WriteFault | undefined, removed: readonly string[]) => void;

/** Applies the writes of one owner in order, and answers them later. */
export abstract class WriteQueue<Write> {
  onAnswer: StoreAnswer | undefined;
  readonly #waiting: Waiting<Write>[] = [];
  #isBusy = false;
  #isDead = false;
  #hasFailed = false;

  constructor(protected readonly run: StoreRun) {}
  /** Stores a write. Returns its fault, or the messages that it has removed. */
  protected abstract apply(write: Write): WriteFault | readonly string[];

  add(id: number, write: Write): void {
    this.#waiting.push({ id, write, result: undefined });
    if (!this.#isBusy) this.#next();
  }
  #next(): void {
    const [first] = this.#waiting;
    if (!first || this.#isDead) return;
    this.#isBusy = true;
    this.#later(() => this.#write(first));
  }
  #later(action: () => void): void {
    const { maxDelay } = this.run.plan.storeFaults;
    if (maxDelay === 0) action();
    else this.run.clock.after(this.run.chance.whole(0, maxDelay), action);
  }
  #write(first: Waiting<Write>): void {
    if (this.#isDead) return;
    const { chance, plan } = this.run;
    const fails = this.#hasFailed || chance.hit(plan.storeFaults.failure);
    // A failed write may be stored or not.
    first.result = this.#hasFailed || (fails && chance.hit(0.5)) ? 'failed' : this.apply(first.write);
    this.#later(() => this.#answer(first, fails));
  }
  #answer({ id, result }: Waiting<Write>, fails: boolean): void {
    if (this.#isDead) return;
    this.#waiting.shift();
    this.#isBusy = false;
    this.#hasFailed ||= fails;
    const [fault, removed] = typeof result === 'string' ? [result, NONE] : [undefined, result ?? NONE];
    this.onAnswer?.(id, fails ? 'failed' : fault, removed);
    // The answer may have added a write.
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- see above
    if (!this.#isBusy) this.#next();
  }
  /** The process ends: of its writes, the first ones may be stored. */
  crash(): void {
    this.#isDead = true;
    for (const { write, result } of this.#waiting) {
      if (result !== undefined) continue;
      if (!this.run.chance.hit(0.5)) return;
      this.apply(write);
    }
  }
}

export const NONE: readonly string[] = [];
