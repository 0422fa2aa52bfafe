/** A first-in, first-out queue: O(1) amortised at any length, unlike an array with `shift`. */
export interface Ring<T> {
  readonly size: number;
  push(value: T): void;
  /** Returns the oldest value. */
  peek(): T | undefined;
  /** Removes and returns the oldest value. */
  shift(): T | undefined;
  /** Returns all values, the oldest first. */
  values(): readonly T[];
}

/** Two stacks; when one is empty, the other is reversed into it. */
interface Stacks<T> {
  coming: T[];
  going: T[];
}

/** A prototype, because a server has several rings for each connection: with closures, an empty one would take a kilobyte. */
const methods: Ring<unknown> & ThisType<Stacks<unknown>> = {
  get size() {
    return this.coming.length + this.going.length;
  },
  push(value) {
    this.coming.push(value);
  },
  peek() {
    turn(this);
    return this.going.at(-1);
  },
  shift() {
    turn(this);
    return this.going.pop();
  },
  values() {
    return [...[...this.going].reverse(), ...this.coming];
  },
};

/** Creates an empty {@link Ring}. */
export function createRing<T>(): Ring<T> {
  const stacks: Stacks<T> = { coming: [], going: [] };
  return Object.assign(Object.create(methods) as Ring<T>, stacks);
}

function turn(stacks: Stacks<unknown>): void {
  const { coming, going } = stacks;
  if (going.length === 0) [stacks.coming, stacks.going] = [going, coming.reverse()];
}
