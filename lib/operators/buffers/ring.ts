/** The capacities at the start, and above which an empty ring shrinks: powers of two. */
const INITIAL_CAPACITY = 4;
const MAX_EMPTY_CAPACITY = 64;

export type Ring<T> = CircularBuffer<T>;

export function createRing<T>(): Ring<T> {
  return new CircularBuffer();
}

/**
 * A first-in, first-out queue: O(1) at any length, unlike an array with `shift`. A class, because a
 * server has several for each connection: with closures, an empty one would take a kilobyte.
 */
class CircularBuffer<T> {
  size = 0;
  /** The length is a power of two, or 0 before the first value. */
  #slots: (T | undefined)[] = [];
  #head = 0;

  push(value: T): void {
    if (this.size === this.#slots.length) this.#grow();
    this.#slots[this.#slotOf(this.size++)] = value;
  }

  peek(): T | undefined {
    return this.#slots[this.#head];
  }

  shift(): T | undefined {
    const value = this.peek();
    if (this.size > 0) {
      this.#slots[this.#head] = undefined;
      this.#head = this.#slotOf(1);
      if (--this.size === 0 && this.#slots.length > MAX_EMPTY_CAPACITY) this.#slots.length = this.#head = 0;
    }
    return value;
  }

  /** Returns a value, counted from the oldest one. */
  at(index: number): T | undefined {
    return index < this.size ? this.#slots[this.#slotOf(index)] : undefined;
  }

  /** Returns all values, the oldest first. */
  values(): readonly T[] {
    return Array.from({ length: this.size }, (_, index) => this.#slots[this.#slotOf(index)] as T);
  }

  #slotOf(index: number): number {
    return (this.#head + index) & (this.#slots.length - 1);
  }

  #grow(): void {
    // An array whose length is raised later would have room for sixteen values.
    const length = Math.max(INITIAL_CAPACITY, 2 * this.size);
    this.#slots = Array.from({ length }, (_, index) => (index < this.size ? this.#slots[this.#slotOf(index)] : undefined));
    this.#head = 0;
  }
}
